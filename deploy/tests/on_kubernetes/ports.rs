//! Ports of a Service that are not served lead to the ports that pods name.

use serde_json::json;

use crate::apiserver::Apiserver;
use crate::cluster::{HELLO, PODS, known, pod};
use crate::routed::{Routed, SERVICES, service};

#[tokio::test(start_paused = true)]
async fn ports_are_known_of_pods_that_are_placed_later_than_they_were_seen() {
    let apiserver = Apiserver::default();
    let mut leads = service("hello");
    leads["spec"]["ports"] =
        json!([{ "name": "http", "port": 80 }, { "name": "admin", "port": 81, "targetPort": "admin" }]);
    apiserver.put(&format!("{SERVICES}/hello"), leads);
    let mut early = pod("hello", Some("10.1.0.7"));
    early["spec"]["containers"][0]["ports"] = json!([{ "name": "admin", "containerPort": 9901 }]);
    apiserver.put(&format!("{PODS}/hello-1"), early);
    let routed = Routed::new(&apiserver, &[]).await;
    assert_eq!(routed.ours(), [json!(null); 0]);
    apiserver.put(HELLO, known("hello", 1));
    routed.wait(1.0).await;
    let admin = |slice: &serde_json::Value| slice["ports"][0]["port"] == 9901;
    let slices = routed.ours();
    assert_eq!(slices.len(), 2, "{slices:?}");
    let slice = slices.iter().find(|slice| admin(slice)).expect("the other port leads to the pod");
    assert_eq!(slice["endpoints"][0]["addresses"], json!(["10.1.0.7"]));
}
