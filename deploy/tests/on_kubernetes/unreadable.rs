//! Workloads that are there and of which a new autoscaler can tell nothing yet: what leads to them stays as it is.

use crate::apiserver::Apiserver;
use crate::cluster::{HELLO, known};
use crate::routed::{Routed, SERVICES, service};

const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";
const KINDS: &[&str] = &["rollouts.argoproj.io"];

#[tokio::test(start_paused = true)]
async fn a_bad_annotation_at_a_restart_changes_nothing_for_clients() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    apiserver.put(&format!("{SERVICES}/hello"), service("hello"));
    let routed = Routed::new(&apiserver, &[]).await;
    let before = routed.ours();
    assert_eq!((before.len(), routed.has_key("hello")), (1, true));
    drop(routed);
    apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/target", "many");
    apiserver.writes();
    let mut routed = Routed::new(&apiserver, &[]).await;
    routed.wait(60.0).await;
    assert_eq!((routed.written(), routed.ours(), routed.has_key("hello")), (vec![], before.clone(), true));
    assert_eq!(routed.said().await, ["hello stays", "that is all"], "activators hold what comes");
    // It is mended: all is as it was, without a write.
    apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/target", "7");
    let said = routed.said().await;
    assert_eq!(said, ["hello is served", "hello has door Some(10000)"]);
    routed.wait(60.0).await;
    assert_eq!((routed.written(), routed.ours()), (vec![], before));
    routed.hold().await;
    assert_eq!(routed.replicas(HELLO), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_before_it_was_good_is_given_back_and_activators_hear_of_it() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    apiserver.put(&format!("{SERVICES}/hello"), service("hello"));
    drop(Routed::new(&apiserver, &[]).await);
    apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/target", "many");
    let mut routed = Routed::new(&apiserver, &[]).await;
    routed.wait(20.0).await;
    assert_eq!(routed.said().await, ["hello stays", "that is all"]);
    routed.apiserver.delete(HELLO);
    assert_eq!(routed.said().await, ["hello is gone"]);
    assert!(!routed.has_key("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_scale_that_cannot_be_read_at_a_restart_changes_nothing_for_clients() {
    let apiserver = Apiserver::default();
    let mut rollout = known("web", 0);
    (rollout["apiVersion"], rollout["kind"]) = ("argoproj.io/v1alpha1".into(), "Rollout".into());
    apiserver.put(ROLLOUT, rollout);
    let mut leads = service("web");
    leads["metadata"]["annotations"]["rouse.dev/workload"] = "Rollout/web".into();
    apiserver.put(&format!("{SERVICES}/web"), leads);
    let routed = Routed::new(&apiserver, KINDS).await;
    let before = routed.ours();
    assert_eq!((before.len(), routed.has_key("web")), (1, true));
    drop(routed);
    apiserver.fail(&format!("GET {ROLLOUT}/scale"), 500);
    apiserver.writes();
    let mut routed = Routed::new(&apiserver, KINDS).await;
    routed.wait(60.0).await;
    assert_eq!((routed.written(), routed.ours(), routed.has_key("web")), (vec![], before.clone(), true));
    assert_eq!(routed.said().await, ["web stays", "that is all"]);
    apiserver.mend();
    apiserver.change(ROLLOUT, |web| web["status"]["readyReplicas"] = 0.into());
    assert_eq!(routed.said().await, ["web is served", "web has door Some(10000)"]);
    routed.wait(60.0).await;
    assert_eq!((routed.written(), routed.ours()), (vec![], before));
}
