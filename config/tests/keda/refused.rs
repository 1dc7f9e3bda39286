//! What is wrong: the whole messages.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{authentication, redis, scaled_job, scaled_object};

fn advanced(hpa: &Value) -> Value {
    json!({ "advanced": { "horizontalPodAutoscalerConfig": hpa } })
}

#[test]
fn a_scaled_object_says_what_is_wrong() {
    let many: Vec<Value> = (0..65).map(|_| redis()).collect();
    let down = |down: Value| advanced(&json!({ "behavior": { "scaleDown": down } }));
    for (spec, messages) in [
        (json!({ "triggers": [] }), &["spec.triggers: is missing: there must be at least one trigger"][..]),
        (json!({ "triggers": many }), &["spec.triggers: has 65 triggers, more than 64"]),
        (json!({ "triggers": [{ "metadata": {} }] }), &["spec.triggers[0].type: is missing"]),
        (
            json!({ "triggers": [{ "type": "redis", "metadata": { "listLength": 5 } }] }),
            &["spec.triggers[0].metadata.listLength: is not a string: write it in quotes"],
        ),
        (
            json!({ "triggers": [{ "type": "redis", "name": "a" }, { "type": "kafka", "name": "a" }] }),
            &["spec.triggers[1].name: \"a\" is the name of another trigger too: each needs its own"],
        ),
        (
            json!({ "triggers": [{ "type": "redis", "metricType": "Utilization" }] }),
            &[
                "spec.triggers[0].metricType: \"Utilization\" is not allowed of a trigger that is neither cpu nor memory: it \
               must be AverageValue or Value",
            ],
        ),
        (
            json!({ "triggers": [{ "type": "cron", "useCachedMetrics": true }] }),
            &["spec.triggers[0].useCachedMetrics: is not allowed of a trigger of type cron"],
        ),
        (
            json!({ "triggers": [{ "type": "cpu" }] }),
            &["spec.triggers: has only cpu and memory, which cannot wake a workload that has no pods: add another \
               trigger, or set minReplicaCount to 1"],
        ),
        (
            json!({ "triggers": [{ "type": "redis", "authenticationRef": { "kind": "ClusterTriggerAuthentification" } }] }),
            &[
                "spec.triggers[0].authenticationRef.kind: \"ClusterTriggerAuthentification\" is not allowed: it must be \
                 TriggerAuthentication or ClusterTriggerAuthentication; did you mean ClusterTriggerAuthentication?",
                "spec.triggers[0].authenticationRef.name: is missing",
            ],
        ),
        (json!({ "scaleTargetRef": { "kind": "Deployment" } }), &["spec.scaleTargetRef.name: is missing"]),
        (json!({ "pollingInterval": 0 }), &["spec.pollingInterval: 0 is not a whole number, 1 or more"]),
        (json!({ "cooldownPeriod": "5m" }), &["spec.cooldownPeriod: \"5m\" is not a whole number, 0 or more"]),
        (
            json!({ "fallback": { "replicas": -1, "behavior": "ststic" } }),
            &[
                "spec.fallback.failureThreshold: is missing",
                "spec.fallback.replicas: -1 is not a whole number, 0 or more",
                "spec.fallback.behavior: \"ststic\" is not allowed: it must be static, currentReplicas, \
                 currentReplicasIfHigher, currentReplicasIfLower or scalingModifiers; did you mean static?",
            ],
        ),
        (
            json!({ "fallback": { "failureThreshold": 1, "replicas": 1, "behavior": "scalingModifiers" } }),
            &["spec.fallback.behavior: \"scalingModifiers\" needs advanced.scalingModifiers.formula, which goes on \
               without the trigger that failed"],
        ),
        (
            json!({ "advanced": { "scalingModifiers": { "target": "0" } }, "triggers": [{ "type": "x", "name": "a" }] }),
            &[
                "spec.advanced.scalingModifiers.target: \"0\" is out of range: it must be more than 0",
                "spec.advanced.scalingModifiers.formula: is missing",
            ],
        ),
        (
            json!({ "advanced": { "scalingModifiers": { "formula": "a", "target": "many" } } }),
            &[
                "spec.advanced.scalingModifiers.target: \"many\" is not a finite number",
                "spec.advanced.scalingModifiers: needs triggers with a name, other than cpu and memory: a formula knows \
                 them by it",
            ],
        ),
        (
            down(
                json!({ "stabilizationWindowSeconds": 3601, "selectPolicy": "max", "policies": [], "tolerance": "x" }),
            ),
            &[
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds: 3601 is not \
                 a whole number from 0 to 3600",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.selectPolicy: \"max\" is not allowed: it \
                 must be Max, Min or Disabled; did you mean Max?",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies: must have 1 to 32 policies: it \
                 has 0",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.tolerance: \"x\" is not a quantity of 0 \
                 or more: write 0.05 or 50m",
            ],
        ),
        (
            down(json!({ "policies": [{ "type": "Pods", "value": 0, "periodSeconds": 1801 }, {}] })),
            &[
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[0].value: 0 is not a whole \
                 number, 1 or more",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[0].periodSeconds: 1801 is not a \
                 whole number from 1 to 1800",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[1].type: is missing",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[1].value: is missing",
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[1].periodSeconds: is missing",
            ],
        ),
    ] {
        let expected: Vec<String> =
            messages.iter().map(|message| format!("ScaledObject shop/worker: {message}")).collect();
        assert_eq!(scaled_object(&spec).expect_err(&spec.to_string()), expected);
    }
}

#[test]
fn a_scaled_job_says_what_is_wrong() {
    for (spec, messages) in [
        (json!({ "jobTargetRef": {} }), &["spec.jobTargetRef.template: is missing"][..]),
        (
            json!({ "triggers": [{ "type": "external-push" }, { "type": "redis", "metricType": "Value" }] }),
            &[
                "spec.triggers[0].type: \"external-push\" is not allowed of a ScaledJob",
                "spec.triggers[1].metricType: is not allowed of a ScaledJob",
            ],
        ),
        (
            json!({ "rollout": { "propagationPolicy": "orphan" } }),
            &["spec.rollout.propagationPolicy: \"orphan\" is not allowed: it must be background or foreground"],
        ),
        (
            json!({ "scalingStrategy": { "multipleScalersCalculation": "mean" } }),
            &[
                "spec.scalingStrategy.multipleScalersCalculation: \"mean\" is not allowed: it must be max, min, avg or sum; did you mean max?",
            ],
        ),
    ] {
        let expected: Vec<String> =
            messages.iter().map(|message| format!("ScaledJob shop/worker: {message}")).collect();
        assert_eq!(scaled_job(&spec).expect_err(&spec.to_string()), expected);
    }
}

#[test]
fn other_sources_of_secrets_are_refused_by_name() {
    let spec = json!({
        "hashiCorpVault": { "address": "http://vault" },
        "filePath": "/x",
        "secretTargetRef": [{ "parameter": "password" }],
    });
    assert_eq!(
        authentication(&spec).unwrap_err(),
        [
            "spec.hashiCorpVault: is not served: parameters come from secretTargetRef, configMapTargetRef, env or filePath",
            "spec.filePath: is allowed of a ClusterTriggerAuthentication only",
            "spec.secretTargetRef[0].name: is missing",
            "spec.secretTargetRef[0].key: is missing",
        ]
        .map(|message| format!("TriggerAuthentication shop/worker: {message}"))
    );
}

#[test]
fn a_field_that_nobody_knows_is_a_warning_with_a_guess() {
    let spec =
        json!({ "poolingInterval": 5, "triggers": [{ "type": "redis", "authRef": {} }], "advanced": { "x": 1 } });
    let (_, warnings) = scaled_object(&spec).unwrap();
    assert_eq!(
        warnings,
        [
            "spec.poolingInterval: is not a known field and is ignored; did you mean pollingInterval?",
            "spec.triggers[0].authRef: is not a known field and is ignored",
            "spec.advanced.x: is not a known field and is ignored",
        ]
        .map(|message| format!("ScaledObject shop/worker: {message}"))
    );
}

/// Documents that look a little like KEDA's.
fn document() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(
        &[
            "triggers",
            "type",
            "name",
            "metadata",
            "advanced",
            "scalingModifiers",
            "formula",
            "target",
            "fallback",
            "behavior",
            "horizontalPodAutoscalerConfig",
            "scaleUp",
            "policies",
            "value",
            "minReplicaCount",
            "idleReplicaCount",
            "maxReplicaCount",
            "scaleTargetRef",
            "jobTargetRef",
            "template",
            "scalingStrategy",
            "rollout",
            "strategy",
            "customScalingRunningJobPercentage",
            "secretTargetRef",
            "env",
            "parameter",
            "tolerance",
        ][..],
    );
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..200_u32).prop_map(Value::from),
        "[a-z0-9.%-]{0,8}".prop_map(Value::from),
        prop::sample::select(&["custom", "Pods", "static", "cpu", "50"][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_breaks_a_reader(spec in document()) {
        let object = json!({ "metadata": { "name": "x" }, "spec": spec });
        if let Ok((read, _)) = config::keda::ScaledObject::on_cluster(&object) {
            prop_assert!(read.replicas.while_idle() <= read.replicas.while_active());
            prop_assert!(read.replicas.while_active() <= read.replicas.max);
            prop_assert!(!read.triggers.is_empty());
        }
        if let Ok((read, _)) = config::keda::ScaledJob::on_cluster(&object) {
            prop_assert!(read.min <= read.max);
        }
        if let Err(problems) = config::keda::TriggerAuthentication::on_cluster(&object) {
            prop_assert!(!problems.0.is_empty());
        }
    }
}
