//! ScaledObjects on a cluster: what they scale, what is written of it, and when KEDA does it instead.

use std::sync::Arc;

use deploy::kubernetes::keda::{self, KedaParts};
use deploy::triggers::Keepers;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::apiserver::{Apiserver, Asked};
use crate::cluster::HELLO;
use crate::driven::Town;
use crate::named::plain;

const OBJECTS: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects";
const AUTHENTICATION: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/triggerauthentications/redis";
const SECRET: &str = "/api/v1/namespaces/shop/secrets/redis";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/keda/leases/operator.keda.sh";
const METRICS: &str = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io";

/// A whole year but for its last minute, in which three pods are wanted.
pub(crate) fn cron() -> Value {
    let metadata = json!({ "timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3" });
    json!({ "type": "cron", "metadata": metadata })
}

/// A list on a server that is not there.
fn redis() -> Value {
    json!({
        "type": "redis", "metadata": { "address": "127.0.0.1:1", "listName": "jobs" },
        "authenticationRef": { "name": "redis" },
    })
}

/// A ScaledObject of `hello`.
fn object(trigger: &Value) -> Value {
    json!({
        "metadata": { "uid": "so-1", "generation": 1 },
        "spec": {
            "scaleTargetRef": { "name": "hello" }, "pollingInterval": 5, "cooldownPeriod": 60, "triggers": [trigger],
            "advanced": { "restoreToOriginalReplicaCount": true },
        },
    })
}

fn with_secret(apiserver: &Apiserver) {
    let keys = json!([{ "parameter": "password", "name": "redis", "key": "password" }]);
    apiserver.put(AUTHENTICATION, json!({ "metadata": {}, "spec": { "secretTargetRef": keys } }));
    apiserver.put(SECRET, json!({ "metadata": {}, "data": { "password": "aHVudGVyMg==" } }));
}

fn lease(renewed: &str) -> Value {
    let spec = json!({ "holderIdentity": "keda-operator-0", "renewTime": renewed, "leaseDurationSeconds": 15 });
    json!({ "metadata": {}, "spec": spec })
}

/// A cluster with `hello`, at zero unless it is there, where ScaledObjects are served if KEDA does not run.
pub(crate) async fn town(apiserver: Apiserver, secrets: &[&str]) -> Town {
    if apiserver.get(HELLO).is_none() {
        apiserver.put(HELLO, plain("hello", 0));
    }
    let mut town = Town::new(apiserver).await;
    let parts = KedaParts {
        writes: town.parts.writes.clone(),
        discovered: Arc::clone(&town.parts.discovered),
        platform: Arc::clone(&town.platform),
        clock: town.parts.clock,
        teller: town.parts.teller.clone(),
        namespace: "rouse-system".to_owned(),
        secrets: secrets.iter().map(|namespace| (*namespace).to_owned()).collect(),
        jobs: town.jobs.clone(),
    };
    let keepers = Keepers::new(Arc::clone(&town.engine), town.frames.clone(), town.parts.clock);
    let keepers = keepers.counted(town.parts.counted.clone());
    town.tasks.spawn(async move { match keda::run(parts, keepers).await {} });
    town.wait(1.0).await;
    town
}

/// Its conditions: status and reason.
fn conditions(apiserver: &Apiserver, name: &str) -> Vec<(String, String)> {
    let object = apiserver.get(&format!("{OBJECTS}/{name}")).expect("it is there");
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.iter().map(|condition| (text(&condition["status"]), text(&condition["reason"]))).collect()
}

fn ready(apiserver: &Apiserver, name: &str) -> (String, String) {
    let object = apiserver.get(&format!("{OBJECTS}/{name}")).expect("it is there");
    let ready = &object["status"]["conditions"][0];
    let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

fn replicas(apiserver: &Apiserver) -> Value {
    apiserver.get(HELLO).expect("it is there")["spec"]["replicas"].clone()
}

fn reasons(town: &Town) -> Vec<String> {
    let mut reasons: Vec<String> = town.events().into_iter().map(|(reason, ..)| reason).collect();
    reasons.sort();
    reasons
}

#[tokio::test(start_paused = true)]
async fn what_it_names_is_scaled_without_a_label_and_little_is_written_of_it() {
    let apiserver = Apiserver::default();
    apiserver.put(&format!("{OBJECTS}/hello"), object(&cron()));
    let town = town(apiserver.clone(), &[]).await;
    town.wait(60.0).await;
    let writes = apiserver.writes();
    let of = |end: &str| writes.iter().filter(|asked| asked.path.ends_with(end)).cloned().collect::<Vec<Asked>>();
    let scales: Vec<Value> = of("/scale").iter().map(|asked| asked.body[1]["value"].clone()).collect();
    assert_eq!(scales, [1, 3]);
    assert_eq!(of("/status").len(), 1, "{writes:?}");
    assert!(writes.iter().all(|asked| asked.path != HELLO), "nothing but its scale is written");
    let said = conditions(&apiserver, "hello");
    let said: Vec<(&str, &str)> = said.iter().map(|(status, reason)| (status.as_str(), reason.as_str())).collect();
    let expected =
        [("True", "ScaledObjectReady"), ("True", "ScalerActive"), ("False", "NoFallbackFound"), ("Unknown", "")];
    assert_eq!(said, expected);
    let status = &apiserver.get(&format!("{OBJECTS}/hello")).expect("it is there")["status"];
    assert_eq!((&status["originalReplicaCount"], &status["lastActiveTime"]), (&json!(0), &Value::Null));
    assert_eq!(reasons(&town), ["KEDAScaleTargetActivated", "Scaled", "Scaled", "ScaledObjectReady"]);

    town.wait(600.0).await;
    assert_eq!(
        apiserver.requests().iter().filter(|asked| !asked.query.contains("watch")).count(),
        30,
        "three reads a minute"
    );
    apiserver.delete(&format!("{OBJECTS}/hello"));
    town.wait(5.0).await;
    assert_eq!(replicas(&apiserver), 0, "as it was");
    apiserver.writes();
    town.wait(600.0).await;
    assert_eq!(apiserver.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn while_keda_runs_it_is_left_to_keda() {
    let apiserver = Apiserver::default();
    apiserver.put(&format!("{OBJECTS}/hello"), object(&cron()));
    apiserver.put(LEASE, lease(&Timestamp::now().to_string()));
    let town = town(apiserver.clone(), &[]).await;
    town.wait(300.0).await;
    assert_eq!(apiserver.writes(), [], "its Lease is fresh");
    apiserver.put(LEASE, lease("2026-01-02T03:04:05.000000Z"));
    town.wait(90.0).await;
    assert_eq!(replicas(&apiserver), 3);
    let service = json!({ "namespace": "keda", "name": "keda-operator-metrics-apiserver" });
    apiserver.put(METRICS, json!({ "metadata": {}, "spec": { "service": service } }));
    town.wait(61.0).await;
    apiserver.writes();
    apiserver.change(HELLO, |hello| hello["spec"]["replicas"] = 1.into());
    town.wait(600.0).await;
    assert_eq!((replicas(&apiserver), apiserver.writes()), (json!(1), vec![]));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_has_defined_them_nothing_is_watched() {
    let apiserver = Apiserver::default();
    apiserver.fail("GET /apis/keda.sh/v1alpha1", 404);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(300.0).await;
    assert!(
        apiserver.requests().iter().all(|asked| !asked.path.starts_with(OBJECTS) && !asked.path.ends_with("objects"))
    );
}

#[tokio::test(start_paused = true)]
async fn secrets_are_read_in_the_namespaces_that_are_listed_only_and_shown_nowhere() {
    for (listed, expected) in [(vec![], "ScaledObjectCheckFailed"), (vec!["shop"], "TriggerError")] {
        let apiserver = Apiserver::default();
        with_secret(&apiserver);
        apiserver.put(HELLO, plain("hello", 2));
        apiserver.put(&format!("{OBJECTS}/hello"), object(&redis()));
        let town = town(apiserver.clone(), &listed).await;
        town.wait(30.0).await;
        let (reason, message) = ready(&apiserver, "hello");
        assert_eq!(reason, expected, "{message}");
        let reads = |asked: Vec<Asked>| asked.iter().filter(|asked| asked.path == SECRET).count();
        let asked = apiserver.requests();
        assert!(asked.iter().all(|asked| !asked.body.to_string().contains("hunter2")));
        assert!(!town.events().is_empty() && town.events().iter().all(|(_, told, _)| !told.contains("hunter2")));
        if listed.is_empty() {
            assert!(
                message.starts_with("TriggerAuthentication shop/redis: spec.secretTargetRef[0].name: "),
                "{message}"
            );
            assert!(message.contains("Secret shop/redis may not be read: shop is not among"), "{message}");
            assert_eq!(reads(asked), 0);
            town.wait(600.0).await;
            assert_eq!(replicas(&apiserver), 2, "what cannot be read lowers nothing");
            continue;
        }
        assert_eq!(reads(asked), 1);
        town.wait(120.0).await;
        assert_eq!(reads(apiserver.requests()), 2, "once a minute for as long as it fails");
        assert_eq!(replicas(&apiserver), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_wrong_says_so_and_what_was_good_goes_on() {
    let apiserver = Apiserver::default();
    apiserver.put(&format!("{OBJECTS}/hello"), object(&cron()));
    let town = town(apiserver.clone(), &[]).await;
    town.wait(60.0).await;
    apiserver.change(&format!("{OBJECTS}/hello"), |object| object["spec"]["triggers"][0]["type"] = "crom".into());
    town.wait(60.0).await;
    let (reason, message) = ready(&apiserver, "hello");
    assert_eq!(reason, "ScaledObjectCheckFailed");
    assert!(message.contains("did you mean cron?"), "{message}");
    assert_eq!(replicas(&apiserver), 3);
    apiserver.change(&format!("{OBJECTS}/hello"), |object| {
        object["spec"]["triggers"][0]["type"] = "cron".into();
        object["spec"]["maxReplicaCount"] = 2.into();
    });
    town.wait(400.0).await;
    assert_eq!((ready(&apiserver, "hello").0.as_str(), replicas(&apiserver)), ("ScaledObjectReady", json!(2)));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_scale_the_same_the_first_does_until_it_is_gone() {
    let apiserver = Apiserver::default();
    apiserver.put(&format!("{OBJECTS}/first"), object(&cron()));
    let town = town(apiserver.clone(), &[]).await;
    apiserver.put(&format!("{OBJECTS}/second"), object(&cron()));
    town.wait(60.0).await;
    let (reason, message) = ready(&apiserver, "second");
    assert_eq!(reason, "ScaledObjectCheckFailed");
    assert_eq!(message, "the workload Deployment hello is already managed by the ScaledObject first");
    apiserver.delete(&format!("{OBJECTS}/first"));
    town.wait(120.0).await;
    assert_eq!((ready(&apiserver, "second").0.as_str(), replicas(&apiserver)), ("ScaledObjectReady", json!(3)));
}

#[tokio::test(start_paused = true)]
async fn one_whose_target_is_not_there_waits_for_it() {
    let apiserver = Apiserver::default();
    let mut late = object(&cron());
    late["spec"]["scaleTargetRef"]["name"] = "late".into();
    apiserver.put(&format!("{OBJECTS}/late"), late);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(10.0).await;
    assert!(ready(&apiserver, "late").1.contains("Deployment shop/late is not there"));
    let path = HELLO.replace("hello", "late");
    apiserver.put(&path, plain("late", 0));
    town.wait(60.0).await;
    assert_eq!(apiserver.get(&path).expect("it is there")["spec"]["replicas"], 3);
    assert_eq!(ready(&apiserver, "late").0, "ScaledObjectReady");
}

#[tokio::test(start_paused = true)]
async fn parameters_of_the_whole_cluster_come_from_secrets_in_our_own_namespace() {
    let apiserver = Apiserver::default();
    let keys = json!([{ "parameter": "password", "name": "redis", "key": "password" }]);
    let path = "/apis/keda.sh/v1alpha1/clustertriggerauthentications/redis";
    let mut shared = redis();
    shared["authenticationRef"]["kind"] = "ClusterTriggerAuthentication".into();
    apiserver.put(&format!("{OBJECTS}/hello"), object(&shared));
    let town = town(apiserver.clone(), &["rouse-system"]).await;
    town.wait(1.0).await;
    assert!(ready(&apiserver, "hello").1.contains("\"redis\" is a ClusterTriggerAuthentication that is not there"));
    let secret = "/api/v1/namespaces/rouse-system/secrets/redis";
    apiserver.put(secret, json!({ "metadata": {}, "data": { "password": "aHVudGVyMg==" } }));
    apiserver.put(path, json!({ "metadata": {}, "spec": { "secretTargetRef": keys } }));
    town.wait(60.0).await;
    assert!(apiserver.requests().iter().any(|asked| asked.path == secret));
    assert_eq!(ready(&apiserver, "hello").0, "TriggerError", "there is no such server");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_written_is_tried_again_and_holds_up_nobody() {
    let apiserver = Apiserver::default();
    apiserver.put(&format!("{OBJECTS}/hello"), object(&cron()));
    apiserver.fail(&format!("PATCH {OBJECTS}"), 500);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(90.0).await;
    assert_eq!(replicas(&apiserver), 3);
    let tried = apiserver.writes().iter().filter(|asked| asked.path.ends_with("/status")).count();
    assert!((2..=5).contains(&tried), "{tried} in a minute and a half");
    apiserver.mend();
    town.wait(40.0).await;
    assert_eq!(ready(&apiserver, "hello").0, "ScaledObjectReady");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_autoscaler_of_what_it_names_is_told_of() {
    let apiserver = Apiserver::default();
    apiserver.put(&format!("{OBJECTS}/hello"), object(&cron()));
    let scaler = json!({ "metadata": {}, "spec": { "scaleTargetRef": { "kind": "Deployment", "name": "hello" } } });
    apiserver.put("/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/keda-hpa-hello", scaler);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(10.0).await;
    assert!(reasons(&town).contains(&"ForeignAutoscaler".to_owned()), "{:?}", town.events());
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_asks_all_endpoints_of_a_service_finds_them_in_its_slices() {
    const SLICES: &str = "/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices";
    let apiserver = Apiserver::default();
    let metadata = json!({
        "url": "http://queue.shop.svc:1/stats", "valueLocation": "n", "targetValue": "1",
        "aggregateFromKubeServiceEndpoints": "true",
    });
    apiserver.put(&format!("{OBJECTS}/hello"), object(&json!({ "type": "metrics-api", "metadata": metadata })));
    let town = town(apiserver.clone(), &[]).await;
    town.wait(10.0).await;
    let requests = apiserver.requests();
    let asked = requests.iter().find(|asked| asked.path == SLICES).expect("its slices are read");
    assert!(asked.query.contains("service-name%3Dqueue"), "{}", asked.query);
}
