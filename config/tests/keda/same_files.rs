//! Triggers with the Secrets, ConfigMaps and variables of the same files: how it is on one machine.

use config::manifest::{self, Manifests};

const WORKER: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker }
spec:
  template:
    spec:
      containers:
        - command: [work]
          env:
            - { name: USER, value: me }
            - { name: WHO, value: $(USER)@$(HOST) }
            - { name: HOST, value: h }
---
apiVersion: v1
kind: Secret
metadata: { name: redis }
stringData: { password: hunter2 }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: redis }
data: { address: 'redis:6379', password: from the map }
---
";

const AUTHENTICATION: &str = "
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: { name: redis }
spec:
  env: [{ parameter: username, name: USER }, { parameter: address, name: USER }]
  configMapTargetRef:
    - { parameter: address, name: redis, key: address }
    - { parameter: password, name: redis, key: password }
  secretTargetRef: [{ parameter: password, name: redis, key: password }]
---
";

const SCALED: &str = "
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: worker }
spec:
  scaleTargetRef: { name: worker }
  triggers: [{ type: redis, metadata: { listName: jobs }, authenticationRef: { name: redis } }]
---
";

fn read(texts: &[&str]) -> Result<Manifests, Vec<String>> {
    manifest::read(&[("a.yaml".to_owned(), texts.concat())])
        .map_err(|problems| problems.to_string().lines().map(str::to_owned).collect())
}

#[test]
fn parameters_come_from_variables_maps_and_secrets_the_later_over_the_earlier() {
    let manifests = read(&[WORKER, AUTHENTICATION, SCALED]).unwrap();
    let given = &manifests.scaled_objects[0].given;
    let auth: Vec<(&str, &str)> =
        given.auth[0].iter().flatten().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(auth, [("address", "redis:6379"), ("password", "hunter2"), ("username", "me")]);
    // A variable sees those before it, as in Kubernetes, and a pod's port is not known yet.
    let env = given.env.as_ref().unwrap();
    assert_eq!((env["WHO"].expose(), env.contains_key("PORT")), ("me@$(HOST)", false));
    assert!(!format!("{:?}", manifests.scaled_objects).contains("hunter2"));
}

#[test]
fn an_authentication_of_the_whole_cluster_has_its_secrets_where_keda_runs() {
    let cluster = AUTHENTICATION.replace("TriggerAuthentication", "ClusterTriggerAuthentication");
    let scaled = SCALED.replace("{ name: redis }", "{ name: redis, kind: ClusterTriggerAuthentication }");
    let keda = "
apiVersion: v1
kind: Secret
metadata: { name: redis, namespace: keda }
stringData: { password: of the cluster }
---
";
    for (texts, password) in
        [(vec![WORKER, &cluster, &scaled], "hunter2"), (vec![WORKER, &cluster, &scaled, keda], "of the cluster")]
    {
        let manifests = read(&texts).unwrap();
        let auth = manifests.scaled_objects[0].given.auth[0].as_ref().unwrap();
        assert_eq!(auth["password"].expose(), password);
    }
}

#[test]
fn a_scaled_job_runs_the_first_container_of_its_template() {
    let job = "
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: { name: render }
spec:
  jobTargetRef: { template: { spec: { containers: [{ command: [render], env: [{ name: QUEUE, value: q }] }] } } }
  triggers: [{ type: redis, metadata: { listNameFromEnv: QUEUE } }]
";
    let declared = &read(&[job]).unwrap().scaled_jobs[0];
    assert_eq!(declared.template.command, ["render"]);
    assert_eq!(declared.given.env.as_ref().unwrap()["QUEUE"].expose(), "q");
}

#[test]
fn what_a_job_cannot_have_on_one_machine_is_told() {
    let job = |spec: &str, pod: &str| {
        format!(
            "
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {{ name: render }}
spec:
  jobTargetRef: {{ {spec} template: {{ spec: {{ {pod} containers: [{{ command: [render] }}] }} }} }}
  triggers: [{{ type: redis, metadata: {{ listName: q }} }}]
"
        )
    };
    let odd = "completionMode: Indexed, ttlSecondsAfterFinished: 60, parallelism: 0,";
    let manifests = read(&[&job(odd, "terminationGracePeriodSeconds: 7,")]).unwrap();
    let declared = &manifests.scaled_jobs[0];
    assert_eq!((declared.termination_grace.as_secs(), declared.job.job.parallelism), (7, 0));
    let said: Vec<String> = manifests.warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "ttlSecondsAfterFinished: has no effect on one machine: the history limits decide what is remembered",
        "completionMode: Indexed has no effect on one machine: pods have no index",
        "parallelism: 0 keeps Jobs from ever beginning: they are created and wait",
    ];
    for (line, expected) in said.iter().zip(expected) {
        assert!(line.ends_with(&format!("ScaledJob default/render: spec.jobTargetRef.{expected}")), "{line}");
    }
    assert_eq!(said.len(), expected.len());
    let refused = read(&[&job("", "restartPolicy: Always,")]).unwrap_err();
    let expected = "restartPolicy: \"Always\" is not allowed of a Job: it must be one of OnFailure, Never";
    assert!(refused.len() == 1 && refused[0].ends_with(expected), "{refused:?}");
}

#[test]
fn what_is_not_there_is_named() {
    for (texts, expected) in [
        (
            vec![WORKER, SCALED],
            &[
                "ScaledObject default/worker: spec.triggers[0].authenticationRef.name: \"redis\" is a TriggerAuthentication \
               that is in none of the files",
            ][..],
        ),
        (
            vec![AUTHENTICATION],
            &[
                "TriggerAuthentication default/redis: spec.configMapTargetRef[0].name: ConfigMap default/redis is in none \
                 of the files",
                "TriggerAuthentication default/redis: spec.configMapTargetRef[1].name: ConfigMap default/redis is in none \
                 of the files",
                "TriggerAuthentication default/redis: spec.secretTargetRef[0].name: Secret default/redis is in none of \
                 the files",
            ],
        ),
        (
            vec![&WORKER.replace("USER", "USR"), AUTHENTICATION, SCALED],
            &[
                "ScaledObject default/worker: spec.triggers[0].authenticationRef.name: \"redis\" takes username of \
                 \"USER\", which is no variable here",
                "ScaledObject default/worker: spec.triggers[0].authenticationRef.name: \"redis\" takes address of \
                 \"USER\", which is no variable here",
            ],
        ),
        (
            vec![&WORKER.replace("{ password: hunter2 }", "{ pasword: hunter2 }"), AUTHENTICATION],
            &["TriggerAuthentication default/redis: spec.secretTargetRef[0].key: \"password\" is no key of Secret \
               default/redis"],
        ),
        (
            vec![
                WORKER,
                AUTHENTICATION,
                SCALED,
                &SCALED.replace("metadata: { name: worker }", "metadata: { name: two }"),
            ],
            &[
                "ScaledObject default/two: spec.scaleTargetRef.name: default/Deployment/worker is scaled by ScaledObject \
               default/worker too",
            ],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|line| format!("a.yaml: {line}")).collect();
        assert_eq!(read(&texts).unwrap_err(), expected);
    }
}

#[test]
fn what_is_scaled_may_be_elsewhere() {
    let scaled = SCALED.replace(", authenticationRef: { name: redis }", "").replace("name: worker }", "name: other }");
    let manifests = read(&[WORKER, &scaled]).unwrap();
    assert_eq!(manifests.scaled_objects[0].given.env, None);
    let with_variables = SCALED.replace("scaleTargetRef: { name: worker }", "scaleTargetRef: { name: other }");
    assert_eq!(read(&[WORKER, AUTHENTICATION, &with_variables]).unwrap().scaled_objects[0].given.auth, [None]);
    assert_eq!(
        manifests.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a.yaml: ScaledObject default/other: spec.scaleTargetRef: Deployment default/other is in none of the files: \
          nothing is scaled on one machine"]
    );
}
