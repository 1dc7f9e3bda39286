//! What becomes of Knative `Service` objects, with an apiserver that remembers what was written.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Settings, definition, run};
use crate::kubernetes::mock::{Apiserver, merge};
use crate::kubernetes::writes::Writes;

const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/services.serving.knative.dev";
const GREETER: &str = "/apis/serving.knative.dev/v1/namespaces/shop/services/greeter";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/greeter";
const FRONT: &str = "/api/v1/namespaces/shop/services/greeter";

/// A cluster with our definition, and the controller that runs on it until it is dropped.
struct Story {
    apiserver: Apiserver,
    settings: watch::Sender<Settings>,
    controller: Option<JoinHandle<()>>,
}

impl Drop for Story {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Story {
    async fn begin(service: Value) -> Story {
        let apiserver = Apiserver::new();
        apiserver.put(DEFINITION, Some(definition()));
        apiserver.put(GREETER, Some(service));
        let mut story = Story { apiserver, settings: watch::Sender::new(Settings::default()), controller: None };
        story.start().await;
        story
    }

    async fn start(&mut self) {
        let (writes, settings) = (writes(&self.apiserver), self.settings.subscribe());
        self.controller = Some(tokio::spawn(async move { match run(writes, settings).await {} }));
        settle().await;
    }

    fn stop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.abort();
        }
    }

    /// Which requests have written since the last call.
    fn written(&self) -> Vec<String> {
        self.apiserver.take_written().into_iter().map(|(request, _)| request).collect()
    }

    /// Somebody else changes part of an object.
    fn change(&self, path: &str, part: &Value) {
        let mut object = self.apiserver.object(path).unwrap();
        merge(&mut object, part);
        self.apiserver.put(path, Some(object));
    }

    /// The Deployment's controller has looked at it as it is now.
    fn rolled_out(&self, conditions: Value) {
        let deployment = self.apiserver.object(DEPLOYMENT).unwrap();
        let status = json!({ "observedGeneration": deployment["metadata"]["generation"], "conditions": conditions });
        self.change(DEPLOYMENT, &json!({ "status": status }));
    }

    fn complete(&self) {
        self.rolled_out(json!([{ "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable" }]));
    }

    fn ready(&self) -> (String, String, String) {
        let service = self.apiserver.object(GREETER).unwrap();
        let conditions = service["status"]["conditions"].as_array().unwrap().clone();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap();
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }
}

fn writes(apiserver: &Apiserver) -> Writes {
    Writes::new(apiserver.client("rouse"), 1_000.0, 1_000)
}

async fn settle() {
    sleep(Duration::from_millis(50)).await;
}

fn greeter() -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": { "name": "greeter", "namespace": "shop", "uid": "u-1", "generation": 1 },
        "spec": { "template": { "spec": {
            "timeoutSeconds": 60,
            "containers": [{ "image": "ghcr.io/example/greeter", "command": ["rouse", "sample"] }],
        } } },
    })
}

fn apply(path: &str) -> String {
    format!("PATCH {path} rouse")
}

fn status() -> String {
    apply(&format!("{GREETER}/status"))
}

#[tokio::test(start_paused = true)]
async fn a_new_service_becomes_two_objects_and_a_status_and_then_nothing_is_written() {
    let mut story = Story::begin(greeter()).await;
    assert_eq!(story.written(), [apply(DEPLOYMENT), apply(FRONT), status()]);
    assert_eq!(story.ready().0, "Unknown");
    assert_eq!(story.apiserver.object(DEPLOYMENT).unwrap()["spec"]["replicas"], Value::Null);
    story.complete();
    settle().await;
    assert_eq!(story.written(), [status()]);
    let service = story.apiserver.object(GREETER).unwrap();
    assert_eq!(story.ready().0, "True");
    assert_eq!(service["status"]["url"], "http://greeter.shop.svc.cluster.local");
    assert_eq!(service["status"]["latestReadyRevisionName"], "greeter-00001");
    assert_eq!(service["status"]["observedGeneration"], 1);

    // Asleep, woken, and another process that leads: nothing to write.
    story.change(DEPLOYMENT, &json!({ "spec": { "replicas": 0 } }));
    story.complete();
    settle().await;
    story.change(DEPLOYMENT, &json!({ "spec": { "replicas": 2 } }));
    settle().await;
    story.complete();
    settle().await;
    story.stop();
    story.start().await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(story.written(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_applied_and_leaves_the_number_of_replicas_alone() {
    let story = Story::begin(greeter()).await;
    story.complete();
    settle().await;
    story.written();
    let image = json!([{ "image": "ghcr.io/example/greeter:2" }]);
    story.change(GREETER, &json!({ "spec": { "template": { "spec": { "containers": image } } } }));
    settle().await;
    let written = story.apiserver.take_written();
    let requests: Vec<_> = written.iter().map(|(request, _)| request.as_str()).collect();
    assert_eq!(requests, [apply(DEPLOYMENT), status()]);
    assert_eq!(written[0].1["spec"]["replicas"], Value::Null);
    let service = story.apiserver.object(GREETER).unwrap();
    assert_eq!(service["status"]["latestCreatedRevisionName"], "greeter-00002");
    assert_eq!(service["status"]["latestReadyRevisionName"], "greeter-00001");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_not_honoured_is_told_and_nothing_else_happens() {
    let mut service = greeter();
    service["spec"]["traffic"] = json!([{ "revisionName": "greeter-00001", "percent": 100 }]);
    service["spec"]["template"]["spec"]["hostNetwork"] = true.into();
    let story = Story::begin(service).await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(story.written(), [status()]);
    let (ready, reason, message) = story.ready();
    assert_eq!((ready.as_str(), reason.as_str()), ("False", "UnsupportedField"));
    for field in ["spec.traffic[0].revisionName: \"greeter-00001\"", "spec.template.spec.hostNetwork: \"true\""] {
        assert!(message.contains(field), "{message}");
    }
    story.apiserver.put(GREETER, Some(greeter()));
    settle().await;
    assert_eq!(story.written(), [apply(DEPLOYMENT), apply(FRONT), status()]);
}

#[tokio::test(start_paused = true)]
async fn a_setting_of_the_cluster_is_reason_to_look_again() {
    let mut service = greeter();
    let annotations = json!({ "autoscaling.knative.dev/initial-scale": "0" });
    service["spec"]["template"]["metadata"] = json!({ "annotations": annotations });
    let story = Story::begin(service).await;
    assert_eq!(story.written(), [status()]);
    assert_eq!(story.ready().0, "False");
    story.settings.send_modify(|settings| settings.autoscaler.allow_zero_initial_scale = true);
    settle().await;
    let written = story.apiserver.take_written();
    // The number to begin with is kept by a manager of its own: the next apply does not take it away.
    let initial = format!("PATCH {DEPLOYMENT} rouse-initial-scale");
    let requests: Vec<_> = written.iter().map(|(request, _)| request.as_str()).collect();
    assert_eq!(requests, [apply(DEPLOYMENT), initial, apply(FRONT), status()]);
    assert_eq!((&written[0].1["spec"]["replicas"], &written[1].1["spec"]), (&json!(0), &json!({ "replicas": 0 })));
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_somebody_else_is_not_touched() {
    let apiserver = Apiserver::new();
    apiserver.put(FRONT, Some(json!({ "metadata": { "name": "greeter", "namespace": "shop" }, "spec": {} })));
    apiserver.put(DEFINITION, Some(definition()));
    apiserver.put(GREETER, Some(greeter()));
    let mut story = Story { apiserver, settings: watch::Sender::new(Settings::default()), controller: None };
    story.start().await;
    assert_eq!(story.written(), [apply(DEPLOYMENT), status()]);
    let (ready, reason, message) = story.ready();
    assert_eq!((ready.as_str(), reason.as_str()), ("False", "NotOwned"));
    assert_eq!(message, "Service shop/greeter exists already and does not belong to this Service");
    story.apiserver.put(FRONT, None);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(story.written(), [apply(FRONT), status()]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_is_told_once_and_tried_again_ever_later() {
    let mut story = Story::begin(greeter()).await;
    story.stop();
    story.apiserver.put(DEPLOYMENT, None);
    story.apiserver.put(FRONT, None);
    story.written();
    story.apiserver.refuse(DEPLOYMENT, true);
    story.start().await;
    sleep(Duration::from_secs(3_600)).await;
    let written = story.written();
    assert_eq!(written.iter().filter(|request| **request == status()).count(), 1);
    assert!((12..=22).contains(&written.len()), "{} writes in an hour", written.len());
    assert_eq!(story.ready().1, "NotApplied");
    story.apiserver.refuse(DEPLOYMENT, false);
    sleep(Duration::from_secs(301)).await;
    assert_eq!(story.written(), [apply(DEPLOYMENT), apply(FRONT), status()]);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_comes_again_and_a_service_that_goes_is_left_to_its_owner_references() {
    let story = Story::begin(greeter()).await;
    story.written();
    story.apiserver.put(FRONT, None);
    settle().await;
    assert_eq!(story.written(), [apply(FRONT)]);
    story.apiserver.put(GREETER, None);
    story.apiserver.put(FRONT, None);
    settle().await;
    assert_eq!(story.written(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn where_knatives_own_definition_is_nothing_is_done() {
    let mut story = Story::begin(greeter()).await;
    story.stop();
    story.written();
    let mut knatives = definition();
    knatives["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "knative-serving" });
    story.apiserver.put(DEFINITION, Some(knatives));
    story.apiserver.put(DEPLOYMENT, None);
    story.start().await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(story.written(), [""; 0]);
    story.apiserver.put(DEFINITION, Some(definition()));
    settle().await;
    assert_eq!(story.written(), [apply(DEPLOYMENT)]);
    story.apiserver.put(DEFINITION, None);
    settle().await;
    story.apiserver.put(DEPLOYMENT, None);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(story.written(), [""; 0]);
}
