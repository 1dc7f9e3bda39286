//! Workloads that are there and of which a new autoscaler can tell nothing yet: what leads to them stays as it is.

use serde_json::{Value, json};

use crate::apiserver::Apiserver;
use crate::cluster::{HELLO, PODS, known, pod};
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
async fn pods_that_are_replaced_while_their_workload_is_unreadable_are_led_to() {
    let apiserver = Apiserver::default();
    let mut straight = known("hello", 1);
    straight["metadata"]["annotations"]["autoscaling.knative.dev/target-burst-capacity"] = "0".into();
    apiserver.put(HELLO, straight);
    apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.1.0.1")));
    let mut leads = service("hello");
    leads["spec"]["ports"] = json!([
        { "name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP" },
        { "name": "admin", "port": 81, "targetPort": 9901, "protocol": "TCP" },
    ]);
    apiserver.put(&format!("{SERVICES}/hello"), leads);
    let routed = Routed::new(&apiserver, &[]).await;
    routed.wait(10.0).await;
    let leads_to = |routed: &Routed, ips: &[&str]| {
        let ours = routed.ours();
        let of = |slice: &Value| {
            let ips = slice["endpoints"].as_array().unwrap().iter().map(|one| one["addresses"][0].clone()).collect();
            (slice["ports"][0]["port"].as_u64().unwrap(), ips)
        };
        let mut seen: Vec<(u64, Vec<Value>)> = ours.iter().map(of).collect();
        seen.sort_by_key(|(port, _)| *port);
        assert_eq!(
            seen,
            [(8012, ips.iter().map(|ip| json!(ip)).collect()), (9901, ips.iter().map(|ip| json!(ip)).collect())]
        );
    };
    leads_to(&routed, &["10.1.0.1"]);
    drop(routed);
    apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/target", "many");
    apiserver.writes();
    let mut routed = Routed::new(&apiserver, &[]).await;
    routed.wait(10.0).await;
    let said = routed.said().await;
    assert_eq!(said, ["hello-1 is Ready", "hello stays", "hello-1 is Ready", "that is all"], "as news, and with all");
    assert_eq!(routed.written(), [""; 0]);

    // A rolling update: one comes before the other goes.
    routed.apiserver.put(&format!("{PODS}/hello-2"), pod("hello", None));
    routed.wait(1.0).await;
    leads_to(&routed, &["10.1.0.1"]);
    routed.apiserver.put(&format!("{PODS}/hello-2"), pod("hello", Some("10.1.0.2")));
    routed.wait(1.0).await;
    leads_to(&routed, &["10.1.0.1", "10.1.0.2"]);
    routed.apiserver.delete(&format!("{PODS}/hello-1"));
    routed.wait(1.0).await;
    leads_to(&routed, &["10.1.0.2"]);
    // Activators hold requests for it: they hear of each.
    assert_eq!(routed.said().await, ["hello-2 is Starting", "hello-2 is Ready", "hello-1 is Gone"]);

    // None is ready: nobody knows better than what is there.
    routed
        .apiserver
        .change(&format!("{PODS}/hello-2"), |pod| pod["status"]["conditions"][0]["status"] = "False".into());
    routed.wait(60.0).await;
    leads_to(&routed, &["10.1.0.2"]);
    assert!(routed.has_key("hello"));

    // Mended: it is led as any other.
    routed.apiserver.change(&format!("{PODS}/hello-2"), |pod| pod["status"]["conditions"][0]["status"] = "True".into());
    routed.apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/target", "7");
    routed.wait(10.0).await;
    leads_to(&routed, &["10.1.0.2"]);
    routed.apiserver.put(&format!("{PODS}/hello-3"), pod("hello", Some("10.1.0.3")));
    routed.wait(1.0).await;
    leads_to(&routed, &["10.1.0.2", "10.1.0.3"]);
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
