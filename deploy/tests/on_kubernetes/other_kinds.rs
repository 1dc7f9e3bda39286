//! Kinds that settings list, through their scale subresource; and what the driver makes of it all.

use config::Platform;
use serde_json::json;

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, PODS, known, pod};

const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";

#[tokio::test(start_paused = true)]
async fn a_listed_kind_is_scaled_and_its_pods_are_known_by_its_scale_subresource() {
    let apiserver = Apiserver::default();
    let mut rollout = known("web", 0);
    rollout["apiVersion"] = "argoproj.io/v1alpha1".into();
    rollout["kind"] = "Rollout".into();
    apiserver.put(ROLLOUT, rollout);
    apiserver.put(&format!("{PODS}/web-1"), pod("web", Some("10.0.0.7")));
    let mut cluster = Cluster::with_kinds(apiserver, &["rollouts.argoproj.io"]).await;
    assert_eq!(cluster.said().await, ["web has 0", "web-1 of web is Ready at 10.0.0.7:8012"]);
    cluster.platform.scale(&"shop/Rollout/web".parse().unwrap(), 2).await.unwrap();
    assert_eq!(cluster.scales()[0].0, format!("{ROLLOUT}/scale"));
    cluster.settle().await;
    cluster.apiserver.requests();
    cluster.apiserver.change(ROLLOUT, |web| web["status"]["readyReplicas"] = 1.into());
    cluster.settle().await;
    assert_eq!(cluster.apiserver.requests(), [], "its status is no reason to read its scale");
    cluster.apiserver.change(ROLLOUT, |web| {
        web["spec"]["replicas"] = 4.into();
        web["metadata"]["generation"] = 9.into();
        web["spec"]["selector"] = json!({ "matchLabels": { "app": "other" } });
    });
    cluster.wait(1.0).await;
    let mut said = cluster.said().await;
    said.sort();
    assert_eq!(said, ["web has 4", "web-1 of web is Gone at 10.0.0.7:8012"]);
}
