//! Somebody else changes how many pods there should be: seen, told, never fought.

use config::{Platform, PlatformError};
use serde_json::{Value, json};

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, HELLO, hello, known};

/// As `kubectl scale` leaves it on 1.33.
fn scaled_by(manager: &str, replicas: u32) -> impl FnOnce(&mut Value) {
    let managed = json!([{
        "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": "2026-01-02T03:05:05Z",
        "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { "f:replicas": {} } }, "subresource": "scale",
    }]);
    move |object| {
        object["spec"]["replicas"] = replicas.into();
        object["metadata"]["managedFields"] = managed;
    }
}

async fn cluster(replicas: u32) -> Cluster {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", replicas));
    let mut cluster = Cluster::new(apiserver).await;
    cluster.said().await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_change_by_somebody_else_is_said_and_nothing_is_written() {
    let mut cluster = cluster(1).await;
    cluster.apiserver.change(HELLO, scaled_by("kubectl", 5));
    assert_eq!(cluster.said().await, ["hello has 5"]);
    assert_eq!((cluster.scales(), cluster.told().await), (vec![], vec![]), "once is nothing");
    cluster.wait(30.0).await;
    cluster.apiserver.change(HELLO, scaled_by("argocd-controller", 2));
    assert_eq!(cluster.said().await, ["hello has 2"]);
    assert_eq!(
        cluster.told().await,
        [(
            "shop/Deployment/hello".to_owned(),
            "ForeignScale",
            "argocd-controller changed replicas from 5 to 2, the last of 2 such changes within minutes. It is kept for a stable window: \
             leave replicas out of what is applied, or take the label rouse.dev/scale off"
                .to_owned()
        )]
    );
    assert_eq!(cluster.scales(), []);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_runs_into_somebody_elses_leaves_theirs() {
    let mut cluster = cluster(0).await;
    cluster.apiserver.meanwhile("PATCH", |store| store.change(HELLO, scaled_by("kubectl", 3)));
    let ended = cluster.platform.scale(&hello(), 1).await;
    assert!(matches!(ended, Err(PlatformError::Changed(3))), "{ended:?}");
    assert_eq!(cluster.scales().len(), 1, "no second try");
    assert_eq!(cluster.apiserver.get(HELLO).unwrap()["spec"]["replicas"], 3);
    cluster.wait(5.0).await;
    assert_eq!(cluster.said().await, [""; 0], "the call's end has said it");
    cluster.platform.scale(&hello(), 4).await.unwrap();
    assert_eq!(cluster.scales()[0].1[0]["value"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_change_right_after_our_own_write_is_said_when_the_driver_has_heard_of_that() {
    let mut cluster = cluster(0).await;
    cluster.platform.scale(&hello(), 1).await.unwrap();
    cluster.apiserver.change(HELLO, scaled_by("kubectl", 7));
    cluster.wait(0.5).await;
    assert_eq!(cluster.said().await, [""; 0]);
    cluster.wait(0.5).await;
    assert_eq!(cluster.said().await, ["hello has 7"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_says_why_and_may_be_made_again() {
    let cluster = cluster(0).await;
    cluster.apiserver.fail("PATCH", 403);
    let ended = cluster.platform.scale(&hello(), 1).await;
    assert!(matches!(&ended, Err(PlatformError::Refused(why)) if why.contains("it was told to fail")), "{ended:?}");
    cluster.apiserver.mend();
    cluster.platform.scale(&hello(), 1).await.unwrap();
    assert_eq!(cluster.apiserver.get(HELLO).unwrap()["spec"]["replicas"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_autoscaler_is_told_once() {
    let apiserver = Apiserver::default();
    let scalers = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers";
    let scaler = |name: &str| {
        json!({ "metadata": {}, "spec": { "maxReplicas": 9, "minReplicas": 1,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name } }, "status": {} })
    };
    apiserver.put(&format!("{scalers}/cpu"), scaler("hello"));
    apiserver.put(&format!("{scalers}/others"), scaler("elsewhere"));
    apiserver.put(HELLO, known("hello", 1));
    let mut cluster = Cluster::new(apiserver).await;
    let told = cluster.told().await;
    assert_eq!(
        told.iter().map(|(about, why, _)| (&**about, *why)).collect::<Vec<_>>(),
        [("shop/Deployment/hello", "ForeignAutoscaler")]
    );
    assert!(told[0].2.starts_with("the HorizontalPodAutoscaler cpu scales it too."), "{}", told[0].2);
    cluster.apiserver.change(&format!("{scalers}/cpu"), |scaler| scaler["status"]["currentReplicas"] = 1.into());
    cluster.apiserver.forget_history();
    cluster.wait(20.0).await;
    assert_eq!(cluster.told().await, [], "its status is no news, nor is another list");
}

#[tokio::test(start_paused = true)]
async fn others_may_scale_what_is_paused() {
    let apiserver = Apiserver::default();
    let mut paused = known("hello", 0);
    paused["metadata"]["annotations"]["rouse.dev/paused"] = "true".into();
    apiserver.put(HELLO, paused);
    let spec = json!({ "minReplicas": 1, "maxReplicas": 9,
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "hello" } });
    let scaler = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/keda-hpa-hello";
    apiserver.put(scaler, json!({ "metadata": {}, "spec": spec, "status": {} }));
    let mut cluster = Cluster::new(apiserver).await;
    for replicas in [1, 3, 0] {
        cluster.apiserver.change(HELLO, scaled_by("keda", replicas));
        cluster.wait(5.0).await;
    }
    assert_eq!((cluster.scales(), cluster.told().await), (vec![], vec![]));

    cluster.apiserver.change(HELLO, |object| object["metadata"]["annotations"]["rouse.dev/paused"] = "false".into());
    cluster.wait(5.0).await;
    let told = cluster.told().await;
    assert_eq!(told.iter().map(|(_, why, _)| *why).collect::<Vec<_>>(), ["ForeignAutoscaler"], "now there are two");
}
