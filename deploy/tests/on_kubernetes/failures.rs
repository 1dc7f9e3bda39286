//! Workloads that cannot have a ready pod: why, and when that is over.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, HELLO, PODS, STATEFUL_SETS, known, pod};

async fn cluster(path: &str, object: Value) -> Cluster {
    let apiserver = Apiserver::default();
    apiserver.put(path, object);
    let mut cluster = Cluster::new(apiserver).await;
    cluster.said().await;
    cluster
}

fn hello_1() -> String {
    format!("{PODS}/hello-1")
}

#[tokio::test(start_paused = true)]
async fn an_image_that_does_not_pull_and_then_does() {
    let mut cluster = cluster(HELLO, known("hello", 1)).await;
    let mut pulling = pod("hello", None);
    pulling["status"]["containerStatuses"] = json!([{ "name": "app", "restartCount": 0,
        "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } } }]);
    cluster.apiserver.put(&hello_1(), pulling);
    assert_eq!(cluster.said().await, ["hello-1 of hello is Starting at 0.0.0.0:0", "hello fails: image"]);
    cluster.apiserver.change(&hello_1(), |pod| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = "ImagePullBackOff".into();
    });
    assert_eq!(cluster.said().await, [""; 0], "it is the same failure");
    cluster
        .apiserver
        .change(&hello_1(), |pod| pod["status"]["containerStatuses"][0]["state"] = json!({ "running": {} }));
    assert_eq!(cluster.said().await, ["hello fails: no more"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_finds_no_node_has_a_moment_and_a_slow_one_its_start_timeout() {
    let mut slow = known("hello", 1);
    slow["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] = "60s".into();
    let mut cluster = cluster(HELLO, slow).await;
    let mut homeless = pod("hello", None);
    homeless["status"]["conditions"] = json!([{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available" }]);
    cluster.apiserver.put(&hello_1(), homeless);
    cluster.wait(9.8).await;
    assert_eq!(cluster.said().await, ["hello-1 of hello is Starting at 0.0.0.0:0"]);
    cluster.wait(0.2).await;
    assert_eq!(cluster.said().await, ["hello fails: unschedulable"]);
    cluster.apiserver.change(&hello_1(), |pod| pod["status"]["conditions"][0]["status"] = "True".into());
    assert_eq!(cluster.said().await, ["hello fails: no more"]);
    cluster.wait(50.0).await;
    assert_eq!(cluster.said().await, ["hello fails: start-timeout"]);
    cluster.apiserver.delete(&hello_1());
    assert_eq!(cluster.said().await, ["hello-1 of hello is Gone at 0.0.0.0:0", "hello fails: no more"]);
}

fn failing(message: &str) -> Value {
    json!([{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message }])
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_exceeded_until_nobody_asks_any_more() {
    let mut cluster = cluster(HELLO, known("hello", 1)).await;
    let message = "pods \"hello-7d4-x\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2";
    cluster.apiserver.change(HELLO, |hello| hello["status"]["conditions"] = failing(message));
    assert_eq!(cluster.said().await, ["hello fails: quota"]);
    cluster.wait(60.0).await;
    assert_eq!(cluster.apiserver.writes(), [], "trying again would not help");
    cluster.apiserver.change(HELLO, |hello| hello["spec"]["replicas"] = 0.into());
    assert_eq!(cluster.said().await, ["hello has 0", "hello fails: no more"]);
}

#[tokio::test(start_paused = true)]
async fn while_a_webhook_is_away_the_replica_sets_controller_is_made_to_try_again() {
    let mut cluster = cluster(HELLO, known("hello", 1)).await;
    let uid = cluster.apiserver.get(HELLO).unwrap()["metadata"]["uid"].clone();
    let sets = "/apis/apps/v1/namespaces/shop/replicasets";
    for (name, wanted) in [("hello-old", 0), ("hello-new", 1)] {
        let owner =
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "hello", "uid": uid, "controller": true });
        cluster.apiserver.put(
            &format!("{sets}/{name}"),
            json!({ "metadata": { "labels": { "app": "hello" }, "ownerReferences": [owner] },
                "spec": { "replicas": wanted }, "status": { "replicas": 0 } }),
        );
    }
    let message = "Internal error occurred: failed calling webhook \"inject.rouse.dev\": Post \"https://…\": connect: \
                   connection refused";
    cluster.apiserver.change(HELLO, |hello| hello["status"]["conditions"] = failing(message));
    assert_eq!(cluster.said().await, ["hello fails: admission"]);
    cluster.apiserver.requests();
    cluster.wait(11.0).await;
    let writes = cluster.apiserver.writes();
    let paths: Vec<_> = writes.iter().map(|write| write.path.as_str()).collect();
    assert_eq!(paths, [format!("{sets}/hello-new"), format!("{sets}/hello-new")], "each five seconds");
    assert!(writes[0].body["metadata"]["annotations"]["rouse.dev/nudged"].is_string());
    // It is back: the pod comes.
    cluster.apiserver.change(HELLO, |hello| hello["status"]["conditions"] = json!([]));
    cluster.apiserver.put(&hello_1(), pod("hello", None));
    assert_eq!(cluster.said().await, ["hello fails: no more", "hello-1 of hello is Starting at 0.0.0.0:0"]);
    cluster.wait(60.0).await;
    assert_eq!(cluster.apiserver.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn a_stateful_sets_events_are_watched_while_it_lacks_pods_and_no_longer() {
    let mut cluster = cluster(&format!("{STATEFUL_SETS}/db"), known("db", 0)).await;
    let uid = cluster.apiserver.get(&format!("{STATEFUL_SETS}/db")).unwrap()["metadata"]["uid"].clone();
    let event = |message: &str, at: String| {
        json!({ "metadata": {}, "reason": "FailedCreate", "type": "Warning", "message": message, "lastTimestamp": at,
            "involvedObject": { "kind": "StatefulSet", "namespace": "shop", "name": "db", "uid": uid } })
    };
    let events = "/api/v1/namespaces/shop/events";
    cluster.apiserver.put(&format!("{events}/old"), event("failed quota", "2020-01-02T03:04:05Z".to_owned()));
    cluster.apiserver.requests();
    cluster.wait(60.0).await;
    assert_eq!(cluster.apiserver.requests(), [], "nobody lacks anything");

    cluster.apiserver.change(&format!("{STATEFUL_SETS}/db"), |db| db["spec"]["replicas"] = 1.into());
    cluster.wait(3.0).await;
    assert_eq!(cluster.said().await, ["db has 1"], "what an old event says is over");
    let asked = cluster.apiserver.requests();
    assert!(
        asked.iter().any(|asked| asked.path == "/api/v1/events" && asked.query.contains("FailedCreate")),
        "{asked:?}"
    );
    let message = "create Pod db-0 in StatefulSet db failed error: pods \"db-0\" is forbidden: exceeded quota: small";
    let second = i64::try_from(cluster.parts.clock.now().second()).unwrap();
    let now = Timestamp::from_second(second).unwrap().to_string();
    cluster.apiserver.put(&format!("{events}/new"), event(message, now));
    assert_eq!(cluster.said().await, ["db fails: quota"]);

    cluster.apiserver.put(&format!("{PODS}/db-0"), pod("db", None));
    assert_eq!(cluster.said().await, ["db-0 of db is Starting at 0.0.0.0:0", "db fails: no more"]);
    cluster.apiserver.requests();
    cluster.apiserver.forget_history();
    cluster.wait(10.0).await;
    let asked = cluster.apiserver.requests();
    assert!(asked.iter().all(|asked| asked.path != "/api/v1/events"), "the watch is closed");
}
