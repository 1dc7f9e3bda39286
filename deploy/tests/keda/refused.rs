//! What is wrong in the triggers of manifests: the whole lines.

use super::check;

/// A Deployment and a ScaledObject of it with these triggers.
fn scaled(triggers: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: worker }}
spec: {{ template: {{ spec: {{ containers: [{{ command: [work], env: [{{ name: LENGTH, value: hunter2 }}] }}] }} }} }}
---
apiVersion: v1
kind: Secret
metadata: {{ name: redis }}
stringData: {{ tls: hunter2 }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {{ name: redis }}
spec: {{ secretTargetRef: [{{ parameter: tls, name: redis, key: tls }}] }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{ name: worker }}
spec: {{ scaleTargetRef: {{ name: worker }}, triggers: [{triggers}] }}
"
    )
}

#[test]
fn a_trigger_is_refused_with_its_file_object_and_parameter() {
    for (triggers, expected) in [
        (
            "{ type: mysql }",
            &["spec.triggers[0].type: \"mysql\" is not served: it must be one of prometheus, redis, redis-cluster, \
               redis-sentinel, redis-streams, redis-cluster-streams, redis-sentinel-streams, postgresql, rabbitmq, kafka, \
               gcp-storage, elasticsearch, cron, metrics-api, external, external-push, cpu, memory"][..],
        ),
        (
            "{ type: redis, metadata: { address: 'redis:6379', listLenght: '5' } }, { type: cron }",
            &[
                "spec.triggers[0].metadata.listName: is missing",
                "spec.triggers[1].metadata.timezone: is missing",
                "spec.triggers[1].metadata.start: is missing",
                "spec.triggers[1].metadata.end: is missing",
                "spec.triggers[1].metadata.desiredReplicas: is missing",
            ],
        ),
        (
            "{ type: redis, metadata: { address: redis, listName: l, databaseIndex: '-1' } }",
            &[
                "spec.triggers[0].metadata.address: \"redis\" is not an address: write host:port",
                "spec.triggers[0].metadata.databaseIndex: \"-1\" is out of range: it must be a whole number, 0 or more",
            ],
        ),
        (
            "{ type: redis, metadata: { address: 'r:1', listName: l }, authenticationRef: { name: redis } }",
            &["spec.triggers[0].authenticationRef: tls: is not allowed: it must be one of enable, disable"],
        ),
        (
            "{ type: rabbitmq, metadata: { hostFromEnv: LENGTH, queueName: q } }",
            &[
                "spec.triggers[0].metadata.hostFromEnv: is not a URL: it must begin with amqp:// or amqps:// or http:// \
               or https://",
            ],
        ),
        (
            "{ type: rabbitmq, metadata: { hostFromEnv: HOST, queueName: q } }",
            &["spec.triggers[0].metadata.hostFromEnv: \"HOST\" is no variable of the container"],
        ),
    ] {
        let expected: Vec<String> =
            expected.iter().map(|line| format!("ScaledObject default/worker: {line}")).collect();
        let lines = check(&scaled(triggers)).expect_err(triggers);
        assert_eq!(lines, expected);
        assert!(!lines.concat().contains("hunter2"));
    }
}

#[test]
fn problems_of_objects_and_of_their_triggers_come_together() {
    let text = scaled("{ type: external }").replace("scaleTargetRef", "maxReplicaCount: 0, scaleTargetRef");
    assert_eq!(
        check(&text).expect_err("two problems"),
        [
            "ScaledObject default/worker: spec.maxReplicaCount: 0 is not a whole number, 1 or more",
            "ScaledObject default/worker: spec.triggers[0].metadata.scalerAddress: is missing",
        ]
    );
}

#[test]
fn a_trigger_whose_authentication_is_missing_is_not_blamed_for_what_that_would_say() {
    let text = scaled("{ type: redis, metadata: { listName: l }, authenticationRef: { name: rediss } }");
    assert_eq!(
        check(&text).expect_err("it is missing"),
        [
            "ScaledObject default/worker: spec.triggers[0].authenticationRef.name: \"rediss\" is a TriggerAuthentication \
          that is in none of the files"
        ]
    );
}

#[test]
fn a_trigger_with_variables_of_what_is_elsewhere_is_left_for_there() {
    let text = scaled("{ type: rabbitmq, metadata: { hostFromEnv: HOST, queueName: q } }")
        .replace("scaleTargetRef: { name: worker }", "scaleTargetRef: { name: elsewhere }");
    let (_, warnings) = check(&text).expect("nothing is wrong here");
    assert_eq!(
        warnings,
        ["ScaledObject default/worker: spec.scaleTargetRef: Deployment default/elsewhere is in none of the files: \
          nothing is scaled on one machine"]
    );
}

#[test]
fn a_formula_and_a_schedule_that_cannot_be_used_are_refused() {
    let cron = "{ type: cron, name: day, metadata: \
                { timezone: Etc/UTC, start: 0 8 * * 7, end: 0 9 * * *, desiredReplicas: '1' } }";
    let modifiers = "advanced: { scalingModifiers: { formula: dya * 2, target: '1' } }, scaleTargetRef";
    let text = scaled(cron).replace("scaleTargetRef", modifiers);
    assert_eq!(
        check(&text).expect_err("two problems"),
        [
            "ScaledObject default/worker: spec.advanced.scalingModifiers.formula: \"dya * 2\" cannot be used: \"dya\" is \
             no trigger's name: they are day",
            "ScaledObject default/worker: spec.triggers[0].metadata.start: \"0 8 * * 7\" has \"7\", which is not a day \
             of the week: write numbers from 0 to 6, lists 1,2, ranges 1-5, steps */5",
        ]
    );
}
