//! Workloads without the label that a ScaledObject names: only their scale is read and written.

use config::{Platform, WorkloadId};
use deploy::triggers::PodNumbers;
use serde_json::{Value, json};

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, DEPLOYMENTS, HELLO, hello, known};

/// A Deployment that knows nothing of Rouse.
pub(crate) fn plain(name: &str, replicas: u32) -> Value {
    let mut plain = known(name, replicas);
    plain["metadata"]["labels"] = json!({ "app": name });
    plain["metadata"]["annotations"] = json!({});
    plain["spec"]["template"]["metadata"]["labels"] = json!({ "app": name });
    plain["status"] = json!({ "replicas": replicas, "readyReplicas": replicas });
    plain
}

async fn cluster(replicas: u32) -> Cluster {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, plain("hello", replicas));
    apiserver.put(&format!("{DEPLOYMENTS}/other"), plain("other", 1));
    let mut cluster = Cluster::new(apiserver).await;
    assert!(cluster.said().await.is_empty(), "nobody has named it");
    cluster
}

fn numbers(exist: u32, ready: u32) -> Option<PodNumbers> {
    Some(PodNumbers { exist, ready })
}

#[tokio::test(start_paused = true)]
async fn what_is_named_is_known_and_scaled_and_nothing_else_is_written_on_it() {
    let mut cluster = cluster(0).await;
    cluster.platform.name(&hello());
    assert_eq!(cluster.said().await, ["hello has 0"]);
    assert_eq!(cluster.platform.appeared().await, [hello()].into());
    cluster.platform.scale(&hello(), 2).await.expect("it is scaled");
    cluster.apiserver.change(HELLO, |hello| hello["status"] = json!({ "replicas": 2, "readyReplicas": 1 }));
    cluster.wait(60.0).await;
    assert_eq!(cluster.parts.counted.of(&hello()), numbers(2, 1));
    let written: Vec<String> = cluster.apiserver.writes().into_iter().map(|asked| asked.path).collect();
    assert_eq!(written, [format!("{HELLO}/scale")]);

    cluster.platform.name(&WorkloadId::new("shop", "Deployment", "other"));
    assert_eq!(cluster.said().await, ["other has 1"], "the watch has shown it before");
}

#[tokio::test(start_paused = true)]
async fn another_template_is_told_and_another_scale_is_not() {
    let mut cluster = cluster(1).await;
    cluster.platform.name(&hello());
    cluster.settle().await;
    cluster.platform.appeared().await;
    cluster.platform.scale(&hello(), 2).await.expect("it is scaled");
    cluster.settle().await;
    let nothing = tokio::time::timeout(std::time::Duration::from_secs(1), cluster.platform.appeared()).await;
    assert!(nothing.is_err());
    cluster.apiserver.change(HELLO, |hello| {
        hello["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "A", "value": "b" }]);
    });
    assert_eq!(cluster.platform.appeared().await, [hello()].into());
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_later_is_seen_and_one_that_is_deleted_is_gone() {
    let mut cluster = cluster(1).await;
    let late: WorkloadId = "shop/late".parse().expect("a name");
    cluster.platform.name(&late);
    assert!(cluster.said().await.is_empty());
    cluster.apiserver.put(&format!("{DEPLOYMENTS}/late"), plain("late", 3));
    assert_eq!(cluster.said().await, ["late has 3"]);
    cluster.apiserver.delete(&format!("{DEPLOYMENTS}/late"));
    assert_eq!(cluster.said().await, ["late is gone"]);
    assert_eq!(cluster.parts.counted.of(&late), None);
}

#[tokio::test(start_paused = true)]
async fn after_its_scaled_object_it_is_nobodys_and_gets_its_replicas_back_if_it_is_to() {
    for (restore, then) in [(None, 0), (Some(3), 3)] {
        let mut cluster = cluster(0).await;
        cluster.platform.name(&hello());
        cluster.said().await;
        cluster.platform.unname(&hello(), restore);
        assert_eq!(cluster.said().await, ["hello is gone"]);
        let has = cluster.apiserver.get(HELLO).expect("it is there")["spec"]["replicas"].clone();
        assert_eq!(has, then);
        assert!(cluster.platform.scale(&hello(), 1).await.is_err());
        // Nothing of it is watched any more.
        cluster.apiserver.change(HELLO, |hello| hello["spec"]["replicas"] = 7.into());
        assert!(cluster.said().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_labelled_as_well_is_scaled_by_its_requests_too_and_outlives_the_scaled_object() {
    let mut cluster = cluster(1).await;
    cluster.platform.name(&hello());
    assert_eq!(cluster.said().await, ["hello has 1"]);
    let mark = |hello: &mut Value| {
        let labels = known("hello", 1);
        hello["metadata"]["labels"] = labels["metadata"]["labels"].clone();
        hello["spec"]["template"]["metadata"] = labels["spec"]["template"]["metadata"].clone();
    };
    cluster.apiserver.change(HELLO, mark);
    cluster.settle().await;
    assert!(!cluster.said().await.contains(&"hello is gone".to_owned()));
    assert_eq!(cluster.parts.counted.of(&hello()), None, "its pods are seen");
    cluster.platform.unname(&hello(), Some(5));
    cluster.settle().await;
    assert!(cluster.said().await.is_empty());
    assert_eq!(cluster.apiserver.get(HELLO).expect("it is there")["spec"]["replicas"], 1);
}
