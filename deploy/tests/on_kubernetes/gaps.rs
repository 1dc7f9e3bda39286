//! After a gap in a watch, a list that has shrunk is not believed for ten seconds.

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, DEPLOYMENTS, HELLO, PODS, known, pod};

async fn cluster() -> Cluster {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 2));
    apiserver.put(&format!("{DEPLOYMENTS}/other"), known("other", 0));
    for n in 1..=2 {
        apiserver.put(&format!("{PODS}/hello-{n}"), pod("hello", Some("10.0.0.7")));
    }
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await.len(), 4);
    cluster
}

#[tokio::test(start_paused = true)]
async fn pods_that_an_old_view_lacks_stay() {
    let mut cluster = cluster().await;
    let path = format!("{PODS}/hello-1");
    let overlooked = cluster.apiserver.overlook(&path);
    cluster.apiserver.forget_history();
    cluster.wait(9.0).await;
    cluster.apiserver.remember(&path, overlooked);
    cluster.apiserver.forget_history();
    cluster.wait(60.0).await;
    assert_eq!(cluster.said().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn pods_and_workloads_that_went_meanwhile_are_gone_after_it() {
    let mut cluster = cluster().await;
    cluster.apiserver.overlook(&format!("{PODS}/hello-1"));
    cluster.apiserver.overlook(&format!("{DEPLOYMENTS}/other"));
    cluster.apiserver.forget_history();
    cluster.wait(9.5).await;
    assert_eq!(cluster.said().await, [""; 0]);
    cluster.wait(1.0).await;
    let mut said = cluster.said().await;
    said.sort();
    assert_eq!(said, ["hello-1 of hello is Gone at 10.0.0.7:8012", "other is gone"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_watch_says_is_gone_is_gone_at_once() {
    let mut cluster = cluster().await;
    cluster.apiserver.delete(&format!("{PODS}/hello-1"));
    assert_eq!(cluster.said().await, ["hello-1 of hello is Gone at 10.0.0.7:8012"]);
}

#[tokio::test(start_paused = true)]
async fn while_the_apiserver_is_away_nothing_is_said_and_all_is_caught_up_on() {
    let mut cluster = cluster().await;
    cluster.apiserver.fail("GET", 503);
    cluster.apiserver.forget_history();
    cluster.wait(60.0).await;
    assert_eq!(cluster.said().await, [""; 0]);
    let asked = cluster.apiserver.requests().len();
    assert!(asked < 250, "{asked} requests in a minute while it is away");
    cluster.apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/min-scale", "1");
    cluster.apiserver.put(&format!("{PODS}/hello-3"), pod("hello", None));
    cluster.apiserver.mend();
    // The longest pause, to hear that the place to go on from is forgotten, and again to list everything.
    cluster.wait(10.5).await;
    assert_eq!(cluster.said().await, ["hello has 2", "hello-3 of hello is Starting at 0.0.0.0:0"]);
}
