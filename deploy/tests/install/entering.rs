//! `rouse install`, against an apiserver that remembers what it was asked.

use std::time::Duration;

use deploy::install::{BudgetApi, How, Leaving, Settings, install};
use deploy::link::ReporterIdentity;
use serde_json::json;

use crate::apiserver::{Apiserver, Key};
use crate::leaving;

const NOW: How = How { dry_run: false, wait: Duration::from_secs(120) };
const DRY: How = How { dry_run: true, ..NOW };

pub(crate) fn settings() -> Settings {
    Settings {
        namespace: "rouse-system".to_owned(),
        image: "rouse:1".to_owned(),
        activators: 2,
        kinds: Vec::new(),
        reporter_identity: ReporterIdentity::Token,
        pod_monitor: false,
        knative_services: false,
        keda_objects: false,
        external_scaler: false,
        trigger_secrets: Vec::new(),
        budgets: BudgetApi::V1,
    }
}

/// What `rouse install` prints, and how it ends.
pub(crate) async fn run(server: &Apiserver, settings: Settings, how: How) -> (Vec<String>, Result<(), String>) {
    let mut lines = Vec::new();
    let done = install(server.client(), settings, how, &mut |line| lines.push(line.to_owned())).await;
    (lines, done.map_err(|error| format!("{error:#}")))
}

/// How often a line ends with `word`.
fn count(lines: &[String], word: &str) -> usize {
    lines.iter().filter(|line| line.ends_with(word)).count()
}

#[tokio::test(start_paused = true)]
async fn the_second_run_changes_nothing() {
    let server = Apiserver::new("1.33");
    let (first, done) = run(&server, settings(), NOW).await;
    assert_eq!(done, Ok(()));
    assert_eq!(first[0], "namespace/rouse-system created");
    let objects = count(&first, " created");
    assert_eq!(server.take_writes().len(), objects, "one write an object");
    let there = server.everything();
    let (second, done) = run(&server, settings(), NOW).await;
    assert_eq!((done, count(&second, " unchanged")), (Ok(()), objects), "{second:#?}");
    assert!(server.everything() == there, "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_changes_what_is_new_and_keeps_what_users_wrote() {
    let server = Apiserver::new("1.33");
    run(&server, settings(), NOW).await.1.unwrap();
    let config = Key::new("configmaps", "rouse-system", "config-autoscaler");
    server.edit(&config, &json!({ "data": { "stable-window": "30s" } }));
    let webhook = Key::new("mutatingwebhookconfigurations", "", "rouse-injector");
    server.edit(&webhook, &json!({ "metadata": { "annotations": { "certificate": "renewed" } } }));
    let (lines, done) = run(&server, Settings { image: "rouse:2".to_owned(), ..settings() }, NOW).await;
    assert_eq!(done, Ok(()));
    let changed: Vec<&String> = lines.iter().filter(|line| line.ends_with(" configured")).collect();
    assert_eq!(
        changed,
        [
            "deployment.apps/rouse-autoscaler configured",
            "deployment.apps/rouse-activator configured",
            "deployment.apps/rouse-injector configured",
        ]
    );
    assert_eq!(server.get(&config).unwrap()["data"]["stable-window"], "30s");
    assert_eq!(server.get(&webhook).unwrap()["metadata"]["annotations"]["certificate"], "renewed");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_it_all_and_writes_nothing() {
    let server = Apiserver::new("1.33");
    let there = server.everything();
    let (lines, done) = run(&server, settings(), DRY).await;
    assert_eq!(done, Ok(()));
    assert_eq!(lines[0], "namespace/rouse-system would be created");
    assert_eq!(lines.last().unwrap(), "nothing was changed");
    assert!(server.everything() == there && server.take_writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_is_said_before_and_when_it_happens() {
    let server = Apiserver::new("1.33");
    server.forbid("create roles");
    let (_, dry) = run(&server, settings(), DRY).await;
    assert_eq!(
        dry.unwrap_err(),
        "cannot create role.rbac.authorization.k8s.io/rouse-autoscaler: you are not allowed to"
    );
    server.forbid("PATCH roles ");
    server.forbid("PATCH roles ");
    let (_, done) = run(&server, settings(), NOW).await;
    assert_eq!(done.unwrap_err(), "cannot apply role.rbac.authorization.k8s.io/rouse-autoscaler: you may not");
}

#[tokio::test(start_paused = true)]
async fn pods_that_do_not_come_say_why() {
    let server = Apiserver::new("1.33");
    let (_, done) = run(&server, Settings { image: "broken".to_owned(), ..settings() }, NOW).await;
    let error = done.unwrap_err();
    assert!(error.starts_with("not all pods are ready after 120s:"), "{error}");
    assert!(error.contains("\n  deployment.apps/rouse-activator: 0 of 2 pods are ready"), "{error}");
    assert!(error.contains("\n  pod/rouse-activator-0: ErrImagePull: no such image"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_old_cluster_gets_what_it_has() {
    let old = Apiserver::new("1.20");
    run(&old, settings(), NOW).await.1.unwrap();
    let budget = old.get(&Key::new("poddisruptionbudgets", "rouse-system", "rouse-activator")).unwrap();
    assert_eq!(budget["apiVersion"], "policy/v1beta1");
    let system = |server: &Apiserver| server.get(&Key::new("namespaces", "", "kube-system")).unwrap();
    assert_eq!(
        system(&old)["metadata"]["labels"]["rouse.dev/system"],
        "true",
        "its namespaces do not carry their names"
    );
    assert!(old.get(&Key::new("namespaces", "", "kube-public")).is_none(), "only what is there is labelled");
    let new = Apiserver::new("1.33");
    run(&new, settings(), NOW).await.1.unwrap();
    assert!(system(&new)["metadata"]["labels"]["rouse.dev/system"].is_null());
    let (_, done) = run(&Apiserver::new("1.19"), settings(), NOW).await;
    assert_eq!(done.unwrap_err(), "Kubernetes 1.19 is too old: 1.20 is the oldest that Rouse runs on");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_being_deleted_is_waited_for() {
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "rouse-system", "labels": {} } });
    let begun = |looks| {
        let server = Apiserver::new("1.20");
        server.put("namespaces", namespace.clone());
        server.begin_to_delete("rouse-system", looks);
        server
    };
    // Nothing is left in it, and yet Kubernetes would let half an hour pass before it looks.
    let (lines, done) = run(&begun(9_000), settings(), NOW).await;
    assert_eq!(done, Ok(()), "{lines:#?}");
    assert_eq!(
        lines[..3],
        [
            "wait until namespace/rouse-system, which is being deleted, is gone",
            "  waiting for it to go: Kubernetes has not said why",
            "namespace/rouse-system created",
        ]
    );

    let slow = begun(9_000);
    slow.keep_busy(true);
    slow.put("pods", json!({ "metadata": { "name": "rouse-activator-0", "namespace": "rouse-system" } }));
    let (_, done) = run(&slow, settings(), NOW).await;
    assert_eq!(
        done.unwrap_err(),
        "namespace/rouse-system is still being deleted after 120s: Kubernetes has not said why. Run again later, with a longer \
         --wait, or with another --namespace"
    );
    let (lines, done) = run(&slow, settings(), DRY).await;
    assert_eq!(done, Ok(()));
    assert_eq!(lines, ["namespace/rouse-system is being deleted: it would be waited for", "nothing was changed"]);
    assert!(
        slow.take_writes().iter().all(|write| write == "PATCH namespaces rouse-system"),
        "nothing is half-installed"
    );
}

#[tokio::test(start_paused = true)]
async fn knatives_own_definition_is_left_alone_and_ours_stays_with_what_it_defines() {
    let wanted = || Settings { knative_services: true, ..settings() };
    let knatives = Apiserver::new("1.33");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "services.serving.knative.dev", "labels": { "app.kubernetes.io/name": "knative-serving" } },
    });
    knatives.put("customresourcedefinitions", definition);
    let (_, done) = run(&knatives, wanted(), NOW).await;
    assert_eq!(
        done.unwrap_err(),
        "--knative-services: Knative itself is installed here: \
         customresourcedefinition.apiextensions.k8s.io/services.serving.knative.dev is not Rouse's"
    );
    assert!(knatives.take_writes().is_empty(), "nothing is half-installed");

    let ours = Apiserver::new("1.33");
    run(&ours, wanted(), NOW).await.1.unwrap();
    let (lines, done) = leaving::run(&ours, Leaving::default(), NOW).await;
    assert_eq!(done, Ok(()));
    assert_eq!(
        lines[0],
        "warning: customresourcedefinition.apiextensions.k8s.io/services.serving.knative.dev stays, and so does what \
         Knative Services became: editing one has no effect any more"
    );
    assert!(ours.get(&Key::new("customresourcedefinitions", "", "services.serving.knative.dev")).is_some());
}

#[tokio::test(start_paused = true)]
async fn kedas_own_definitions_are_left_alone_and_served_by() {
    let wanted = || Settings { keda_objects: true, ..settings() };
    let kedas = Apiserver::new("1.33");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "scaledobjects.keda.sh", "labels": { "app.kubernetes.io/name": "keda-operator" } },
    });
    kedas.put("customresourcedefinitions", definition.clone());
    let (lines, done) = run(&kedas, wanted(), NOW).await;
    assert_eq!(done, Ok(()));
    let named = "customresourcedefinition.apiextensions.k8s.io";
    assert!(lines.contains(&format!("{named}/scaledobjects.keda.sh is KEDA's own, and stays as it is")), "{lines:#?}");
    assert!(lines.contains(&format!("{named}/triggerauthentications.keda.sh created")));
    let there = kedas.get(&Key::new("customresourcedefinitions", "", "scaledobjects.keda.sh")).unwrap();
    assert_eq!(there["metadata"]["labels"], definition["metadata"]["labels"]);

    let ours = Apiserver::new("1.33");
    run(&ours, wanted(), NOW).await.1.unwrap();
    let (lines, done) = leaving::run(&ours, Leaving::default(), NOW).await;
    assert_eq!(done, Ok(()));
    assert_eq!(
        lines[0],
        format!(
            "warning: {named}/scaledobjects.keda.sh stays, and so do ScaledObjects: what they name keeps the replicas \
             that it has"
        )
    );
    assert_eq!(
        lines[1],
        format!(
            "warning: {named}/scaledjobs.keda.sh stays, and so do ScaledJobs: their Jobs go on to their ends, and no \
             others begin"
        )
    );
    assert!(ours.get(&Key::new("customresourcedefinitions", "", "scaledobjects.keda.sh")).is_some());
}

#[tokio::test(start_paused = true)]
async fn leave_to_read_secrets_is_given_where_it_is_listed_and_taken_back_where_it_is_not_any_more() {
    let server = Apiserver::new("1.33");
    let wanted = |namespaces: &[&str]| Settings {
        keda_objects: true,
        trigger_secrets: namespaces.iter().map(|namespace| (*namespace).to_owned()).collect(),
        ..settings()
    };
    let has = |namespace: &str| {
        let kept = |kind: &str| server.get(&Key::new(kind, namespace, "rouse-trigger-secrets")).is_some();
        (kept("roles"), kept("rolebindings"))
    };
    for name in ["shop", "bank"] {
        server.put("namespaces", json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }));
    }
    run(&server, wanted(&["shop", "bank"]), NOW).await.1.unwrap();
    assert_eq!((has("shop"), has("bank")), ((true, true), (true, true)));
    let (lines, done) = run(&server, wanted(&["shop"]), DRY).await;
    assert_eq!((done, count(&lines, " in bank would be deleted"), has("bank")), (Ok(()), 2, (true, true)));
    run(&server, wanted(&["shop"]), NOW).await.1.unwrap();
    assert_eq!((has("shop"), has("bank")), ((true, true), (false, false)));
    leaving::run(&server, Leaving::default(), NOW).await.1.unwrap();
    assert_eq!(has("shop"), (false, false));
}

#[tokio::test(start_paused = true)]
async fn without_the_operator_there_is_no_pod_monitor() {
    let server = Apiserver::new("1.33");
    let (lines, done) = run(&server, Settings { pod_monitor: true, ..settings() }, NOW).await;
    assert_eq!(
        done.unwrap_err(),
        "--pod-monitor: this cluster has no monitoring.coreos.com/v1; the Prometheus operator brings it"
    );
    assert!(lines.is_empty() && server.take_writes().is_empty(), "nothing is half-installed");
}
