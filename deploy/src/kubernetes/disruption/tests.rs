use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::kubernetes::mock::Apiserver;

const OURS: &str = "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/rouse-deployment-hello";
const THEIRS: &str = "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/web";

fn kind(version: &str) -> ApiResource {
    ApiResource {
        group: "policy".into(),
        version: version.into(),
        api_version: format!("policy/{version}"),
        kind: "PodDisruptionBudget".into(),
        plural: "poddisruptionbudgets".into(),
    }
}

fn id() -> WorkloadId {
    "shop/hello".parse().unwrap()
}

fn hello(wanted: bool) -> Guarded {
    Guarded {
        api_version: "apps/v1".into(),
        uid: "u-1".into(),
        selector: serde_json::from_value(json!({ "matchLabels": { "app": "hello" } })).unwrap(),
        labels: [("app", "hello"), ("tier", "web")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        wanted,
    }
}

fn theirs(labels: Value) -> Value {
    json!({
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": labels } },
    })
}

fn writes(apiserver: &Apiserver) -> Writes {
    Writes::new(apiserver.client("rouse"), 1_000.0, 1_000)
}

/// Budgets that are kept until it is dropped, and which writes that took since the last call.
struct Story {
    apiserver: Apiserver,
    disruptions: Arc<Disruptions>,
    running: JoinHandle<()>,
}

impl Drop for Story {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Story {
    fn begin() -> Story {
        Story::with(Apiserver::new())
    }

    fn with(apiserver: Apiserver) -> Story {
        let disruptions = Arc::new(Disruptions::new(writes(&apiserver), kind("v1beta1")));
        let run = Arc::clone(&disruptions);
        let running = tokio::spawn(async move { match run.run().await {} });
        Story { apiserver, disruptions, running }
    }

    async fn written(&self) -> Vec<String> {
        sleep(Duration::from_millis(50)).await;
        self.apiserver.take_written().into_iter().map(|(request, _)| request).collect()
    }
}

#[test]
fn pods_that_come_in_twos_want_a_budget() {
    let policy = |min_scale, activation_scale| Policy { min_scale, activation_scale, ..Policy::default() };
    assert!(!wants(&policy(0, 0)) && !wants(&policy(1, 0)));
    assert!(wants(&policy(2, 0)) && wants(&policy(0, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_made_once_and_goes_when_it_is_not_wanted_any_more() {
    let story = Story::begin();
    story.disruptions.see(&id(), hello(true));
    assert_eq!(story.written().await, [format!("PATCH {OURS} rouse")]);
    let budget = story.apiserver.object(OURS).unwrap();
    assert_eq!(budget["apiVersion"], "policy/v1beta1");
    assert_eq!(budget["spec"], json!({ "maxUnavailable": 1, "selector": { "matchLabels": { "app": "hello" } } }));
    assert_eq!(
        budget["metadata"]["ownerReferences"],
        json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "hello", "uid": "u-1" }])
    );
    for _ in 0..3 {
        story.disruptions.see(&id(), hello(true));
        sleep(Duration::from_secs(600)).await;
    }
    assert_eq!(story.written().await, [""; 0]);
    story.disruptions.see(&id(), hello(false));
    assert_eq!(story.written().await, [format!("DELETE {OURS}")]);
    story.disruptions.see(&id(), hello(true));
    assert_eq!(story.written().await, [format!("PATCH {OURS} rouse")]);
    story.apiserver.put(OURS, None);
    assert_eq!(story.written().await, [format!("PATCH {OURS} rouse")], "somebody deleted it");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_there_before_us_is_known() {
    let story = Story::begin();
    story.disruptions.see(&id(), hello(true));
    story.written().await;
    let apiserver = story.apiserver.clone();
    drop(story);
    let next = Story::with(apiserver);
    next.disruptions.see(&id(), hello(true));
    assert_eq!(next.written().await, [""; 0]);
    let made_anew = Guarded { uid: "u-2".into(), ..hello(true) };
    next.disruptions.see(&id(), made_anew);
    assert_eq!(next.written().await, [format!("PATCH {OURS} rouse")]);
}

#[tokio::test(start_paused = true)]
async fn there_is_none_beside_one_of_somebody_elses_for_the_same_pods() {
    let story = Story::begin();
    story.apiserver.put(THEIRS, Some(theirs(json!({ "tier": "web" }))));
    story.disruptions.see(&id(), hello(true));
    assert_eq!(story.written().await, [""; 0]);
    story.apiserver.put(THEIRS, Some(theirs(json!({ "tier": "db" }))));
    assert_eq!(story.written().await, [format!("PATCH {OURS} rouse")]);
    story.apiserver.put(THEIRS, Some(theirs(json!({ "tier": "web" }))));
    assert_eq!(story.written().await, [format!("DELETE {OURS}")]);
    story.apiserver.put(THEIRS, None);
    assert_eq!(story.written().await, [format!("PATCH {OURS} rouse")]);
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_is_gone_is_forgotten() {
    let story = Story::begin();
    story.disruptions.see(&id(), hello(true));
    story.written().await;
    story.disruptions.gone(&id());
    story.apiserver.put(OURS, None); // as its owner reference has it
    assert_eq!(story.written().await, [""; 0]);
}

#[test]
fn a_selector_that_says_nothing_selects_as_its_version_has_it() {
    let object: DynamicObject = serde_json::from_value(theirs(json!({}))).unwrap();
    assert!(!Budget::of(&object, &kind("v1beta1")).selects(&hello(true).labels));
    assert!(Budget::of(&object, &kind("v1")).selects(&hello(true).labels));
}
