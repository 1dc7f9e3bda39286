//! The label is taken off a workload that has clients: first it has a pod, then its Services are Kubernetes' again, and
//! only then it is gone.

use config::bounds;
use serde_json::json;

use crate::apiserver::Apiserver;
use crate::cluster::{HELLO, PODS, hello, known, pod};
use crate::routed::{Routed, SERVICES, SETTLE, service};

/// A workload that had three replicas at adoption and has so many now; each of them has a pod.
async fn adopted(replicas: u32) -> Routed {
    let apiserver = Apiserver::default();
    let mut workload = known("hello", replicas);
    workload["metadata"]["annotations"]["rouse.dev/original-replicas"] = "3".into();
    workload["metadata"]["annotations"]["autoscaling.knative.dev/target-burst-capacity"] = "-1".into();
    apiserver.put(HELLO, workload);
    apiserver.put(&format!("{SERVICES}/hello"), service("hello"));
    for n in 0..replicas {
        apiserver.put(&format!("{PODS}/hello-{n}"), pod("hello", Some("10.1.0.7")));
    }
    let mut routed = Routed::new(&apiserver, &[]).await;
    routed.written();
    assert!(routed.has_key("hello"));
    assert_eq!(routed.leads_to("hello-rouse-4-0"), Some((10_000, vec!["10.0.0.1".to_owned()])));
    routed.said().await;
    routed
}

fn label(routed: &Routed, value: Option<&str>) {
    routed.apiserver.change(HELLO, |object| object["metadata"]["labels"]["rouse.dev/scale"] = json!(value));
}

#[tokio::test(start_paused = true)]
async fn one_that_sleeps_gets_pods_and_holds_requests_until_kubernetes_leads_to_them() {
    let mut routed = adopted(0).await;
    label(&routed, None);
    routed.wait(0.1).await;
    assert_eq!(routed.replicas(HELLO), 3, "what it had at adoption");
    routed.hold().await;
    routed.wait(20.0).await;
    assert_eq!(routed.written(), ["PATCH hello/scale"], "nobody else scales it any more");
    assert!(routed.has_key("hello"), "Kubernetes would lead it nowhere");
    routed.said().await;

    routed.apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.1.0.7")));
    assert_eq!(routed.said().await, ["hello-1 is Ready"], "requests that are held go there");
    assert_eq!((routed.written(), routed.has_key("hello")), (vec!["PATCH hello".to_owned()], false));
    routed.wait(1.0).await;
    assert_eq!(routed.written(), [""; 0], "our slice leads until Kubernetes' own does");
    routed.fill("hello", "10.1.0.7");
    routed.wait(1.0).await;
    assert_eq!(routed.written(), ["DELETE hello-rouse-4-0"]);
    routed.wait(bounds::DOOR_LINGER.as_secs_f64()).await;
    assert_eq!(routed.said().await, ["hello has door None"], "clients that keep their connections have yet to leave");
    assert!(routed.engine.lock().knows(&hello()));
    routed.wait(SETTLE.as_secs_f64()).await;
    assert_eq!(routed.said().await.last(), Some(&"hello is gone".to_owned()));
    assert!(!routed.engine.lock().knows(&hello()));
    routed.wait(60.0).await;
    assert_eq!((routed.written(), routed.replicas(HELLO)), (vec![], json!(3)), "that was it");
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_is_given_back_at_once_and_never_scaled() {
    let mut routed = adopted(2).await;
    label(&routed, None);
    routed.wait(0.1).await;
    assert_eq!((routed.written(), routed.has_key("hello")), (vec!["PATCH hello".to_owned()], false));
    routed.fill("hello", "10.1.0.7");
    routed.wait(20.0).await;
    assert_eq!(routed.written(), ["DELETE hello-rouse-4-0"]);
    assert!(routed.said().await.contains(&"hello is gone".to_owned()));
    assert_eq!(routed.replicas(HELLO), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_deleted_is_gone_at_once() {
    let mut routed = adopted(0).await;
    routed.apiserver.delete(HELLO);
    assert!(routed.said().await.contains(&"hello is gone".to_owned()));
    assert!(!routed.engine.lock().knows(&hello()));
    routed.wait(bounds::RELEASE_PATIENCE.as_secs_f64() + 1.0).await;
    assert_eq!(routed.written(), ["PATCH hello", "DELETE hello-rouse-4-0"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_deleted_while_it_waits_for_a_pod_is_gone_soon() {
    let mut routed = adopted(0).await;
    label(&routed, None);
    routed.wait(20.0).await;
    routed.said().await;
    routed.apiserver.delete(HELLO);
    routed.wait(bounds::KUBE_LEAVE_LOOK.as_secs_f64()).await;
    assert_eq!(routed.said().await, ["hello is gone"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_labelled_again_before_it_has_a_pod_never_left() {
    let mut routed = adopted(0).await;
    label(&routed, None);
    routed.wait(1.0).await;
    assert_eq!(routed.written(), ["PATCH hello/scale"]);
    label(&routed, Some("true"));
    routed.wait(1.0).await;
    routed.apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.1.0.7")));
    routed.wait(30.0).await;
    assert_eq!((routed.written(), routed.has_key("hello")), (vec![], true));
    assert!(!routed.said().await.contains(&"hello is gone".to_owned()));
    assert!(!routed.engine.lock().explain(config::Time::ZERO, &hello()).expect("it is known").paused);
    // What it was raised to is somebody's wish for a while, and then it sleeps again.
    routed.wait(300.0).await;
    assert_eq!(routed.replicas(HELLO), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_labelled_again_while_it_is_given_back_is_led_on() {
    let mut routed = adopted(1).await;
    label(&routed, None);
    routed.wait(1.0).await;
    assert_eq!((routed.written(), routed.has_key("hello")), (vec!["PATCH hello".to_owned()], false));
    label(&routed, Some("true"));
    routed.wait(0.1).await;
    assert_eq!((routed.written(), routed.has_key("hello")), (vec!["PATCH hello".to_owned()], true));
    routed.fill("hello", "10.1.0.7");
    routed.wait(30.0).await;
    assert_eq!((routed.written(), routed.has_key("hello")), (vec![], true));
    assert!(!routed.said().await.contains(&"hello is gone".to_owned()));
    assert_eq!(routed.leads_to("hello-rouse-4-0"), Some((10_000, vec!["10.0.0.1".to_owned()])));
}

#[tokio::test(start_paused = true)]
async fn one_that_never_has_a_pod_is_not_waited_for_for_ever() {
    let mut routed = adopted(0).await;
    label(&routed, None);
    routed.wait(bounds::KUBE_LEAVE.as_secs_f64() - 1.0).await;
    assert_eq!((routed.written(), routed.has_key("hello")), (vec!["PATCH hello/scale".to_owned()], true));
    routed.wait(2.0).await;
    assert!(!routed.has_key("hello"));
    routed.wait(bounds::KUBE_LEAVE.as_secs_f64()).await;
    assert!(routed.said().await.contains(&"hello is gone".to_owned()));
    routed.wait(bounds::RELEASE_PATIENCE.as_secs_f64() + 1.0).await;
    assert_eq!(routed.ours(), [json!(null); 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_new_autoscaler_finds_without_a_label_is_given_back() {
    let routed = adopted(0).await;
    label(&routed, None);
    routed.wait(1.0).await;
    assert_eq!(routed.written(), ["PATCH hello/scale"]);
    let apiserver = routed.apiserver.clone();
    drop(routed);
    apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.1.0.7")));
    let routed = Routed::new(&apiserver, &[]).await;
    routed.fill("hello", "10.1.0.7");
    routed.wait(1.0).await;
    assert_eq!(routed.written(), ["PATCH hello", "DELETE hello-rouse-4-0"]);
    assert!(!routed.has_key("hello"));
}

#[tokio::test(start_paused = true)]
async fn one_whose_label_goes_while_nobody_looks_does_not_stay_at_zero() {
    let routed = adopted(0).await;
    let apiserver = routed.apiserver.clone();
    drop(routed);
    apiserver.change(HELLO, |object| object["metadata"]["labels"] = json!({}));
    let routed = Routed::new(&apiserver, &[]).await;
    let mut written = routed.written();
    written.sort();
    assert_eq!(written, ["PATCH hello", "PATCH hello/scale"]);
    assert_eq!(routed.replicas(HELLO), 3);
}
