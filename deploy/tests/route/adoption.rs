use config::bounds;
use serde_json::json;
use tokio::time::sleep;

use crate::cluster::{Cluster, spec};
use crate::town::{SECOND, Town, a_moment};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

#[tokio::test(start_paused = true)]
async fn first_the_slice_then_the_key_and_neither_before_an_activator_has_the_door() {
    for version in ["v1", "v1beta1"] {
        let cluster = Cluster::new(version);
        cluster.serve("hello");
        let mut town = Town::start(cluster.clone(), &["hello"]);
        let _deaf = town.activator("deaf", B, false);
        sleep(SECOND).await;
        assert!(cluster.written().is_empty(), "nobody listens: it stays as it is");
        let _a = town.activator("a", A, true);
        a_moment().await;
        assert_eq!(cluster.written(), ["POST hello-rouse-4-0", "PATCH hello"]);
        assert_eq!(cluster.leads_to("hello-rouse-4-0"), (10_000, vec!["10.0.0.1".to_owned()]));
        assert!(cluster.has_key("hello"));
        assert_eq!(cluster.service("hello").unwrap()["spec"]["selector"]["app"], "hello", "the user's own stays");
        assert_eq!(town.told(), ["Adopted hello"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_slice_says_whose_it_is_and_names_the_port_as_the_service_does() {
    let cluster = Cluster::new("v1");
    let mut spec = spec("hello");
    spec["ports"] = json!([{ "name": "metrics", "port": 9090 }, { "name": "http", "port": 80 }]);
    cluster.set_service("hello", json!({ "rouse.dev/workload": "Deployment/hello" }), spec);
    let town = Town::start(cluster.clone(), &["hello"]);
    let _a = town.activator("a", A, true);
    a_moment().await;
    let mut slice = cluster.slice("hello-rouse-4-0").unwrap();
    slice["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    assert_eq!(
        slice,
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "hello-rouse-4-0",
                "namespace": "default",
                "labels": {
                    "kubernetes.io/service-name": "hello",
                    "endpointslice.kubernetes.io/managed-by": "rouse.dev",
                },
                "annotations": { "rouse.dev/door": "10000", "rouse.dev/workload": "Deployment/hello" },
                "ownerReferences": [
                    { "apiVersion": "v1", "kind": "Service", "name": "hello", "uid": "u-hello", "controller": true },
                ],
            },
            "addressType": "IPv4",
            "ports": [{ "name": "http", "port": 10000, "protocol": "TCP" }],
            "endpoints": [{ "addresses": ["10.0.0.1"], "conditions": { "ready": true } }],
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_names_no_workload_is_told_once_and_left_alone_until_there_is_one() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &[]);
    let _a = town.activator("a", A, true);
    sleep(SECOND).await;
    cluster.set_service("hello", json!({ "rouse.dev/workload": "hello", "note": "edited" }), spec("hello"));
    sleep(20 * SECOND).await;
    assert_eq!((town.told(), cluster.written()), (vec!["NoWorkload hello".to_owned()], vec![]));
    town.add("hello");
    a_moment().await;
    assert_eq!(cluster.written(), ["POST hello-rouse-4-0", "PATCH hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_comes_a_little_after_its_service_is_not_told_to_be_missing() {
    let cluster = Cluster::new("v1");
    let mut town = Town::start(cluster.clone(), &[]);
    let _a = town.activator("a", A, true);
    sleep(SECOND).await;
    cluster.serve("hello");
    let mut managed = spec("keyed");
    managed["selector"]["rouse.dev/route"] = json!("managed");
    cluster.set_service("keyed", json!({ "rouse.dev/workload": "keyed" }), managed);
    sleep(bounds::KUBE_PATIENCE - SECOND).await;
    assert_eq!((town.told(), cluster.written()), (vec![], vec![]));
    ["hello", "keyed"].iter().for_each(|name| town.add(name));
    sleep(2 * bounds::KUBE_PATIENCE).await;
    let (mut written, mut told) = (cluster.written(), town.told());
    written.sort();
    told.sort();
    assert_eq!(written, ["PATCH hello", "POST hello-rouse-4-0", "POST keyed-rouse-4-0"], "the key stays where it is");
    assert_eq!(told, ["Adopted hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_names_another_missing_workload_waits_anew_and_one_with_the_key_is_given_back() {
    let cluster = Cluster::new("v1");
    let mut town = Town::start(cluster.clone(), &[]);
    let mut managed = spec("hello");
    managed["selector"]["rouse.dev/route"] = json!("managed");
    cluster.set_service("hello", json!({ "rouse.dev/workload": "hello" }), managed.clone());
    sleep(bounds::KUBE_PATIENCE - SECOND).await;
    cluster.set_service("hello", json!({ "rouse.dev/workload": "other" }), managed);
    sleep(bounds::KUBE_PATIENCE - SECOND).await;
    assert_eq!((town.told(), cluster.written()), (vec![], vec![]));
    sleep(2 * SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello"]);
    assert_eq!(town.told(), ["NoWorkload hello", "Released hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_led_is_told_and_given_back_if_it_was_led_before() {
    let cluster = Cluster::new("v1");
    let mut headless = spec("headless");
    headless["clusterIP"] = json!("None");
    cluster.set_service("headless", json!({ "rouse.dev/workload": "hello" }), headless);
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let _a = town.activator("a", A, true);
    let _pod = town.pod("hello", "hello-1", [10, 1, 0, 1]);
    a_moment().await;
    assert_eq!(cluster.written(), ["POST hello-rouse-4-0", "PATCH hello"]);
    let mut told = town.told();
    told.sort();
    assert_eq!(told, ["Adopted hello", "Headless headless"]);
    let mut local = cluster.service("hello").unwrap()["spec"].clone();
    local["internalTrafficPolicy"] = json!("Local");
    cluster.set_service("hello", json!({ "rouse.dev/workload": "hello" }), local);
    cluster.fill("hello", &["10.1.0.1"]);
    sleep(SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello", "DELETE hello-rouse-4-0"]);
    assert_eq!(town.told(), ["LocalTrafficPolicy hello", "Released hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_undoes_is_done_again() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let town = Town::start(cluster.clone(), &["hello"]);
    let _a = town.activator("a", A, true);
    a_moment().await;
    let slice = || cluster.slice("hello-rouse-4-0").unwrap();
    cluster.written();
    // `kubectl replace` of a manifest without the key.
    cluster.serve("hello");
    a_moment().await;
    assert_eq!((cluster.written(), cluster.has_key("hello")), (vec!["PATCH hello".to_owned()], true));
    cluster.edit(slice(), |slice| slice["endpoints"][0]["conditions"]["ready"] = json!(false));
    a_moment().await;
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-0"]);
    cluster.edit(slice(), |slice| slice["ports"][0]["name"] = json!("web"));
    a_moment().await;
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-0"]);
    assert_eq!(slice()["ports"][0]["name"], "");
    cluster.delete_slice("hello-rouse-4-0");
    a_moment().await;
    assert_eq!(cluster.written(), ["POST hello-rouse-4-0"]);
}

#[tokio::test(start_paused = true)]
async fn without_any_activator_a_service_leads_to_its_pods() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let _pod = town.pod("hello", "hello-1", [10, 1, 0, 1]);
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0"), (8012, vec!["10.1.0.1".to_owned()]));
    let _a = town.activator("a", A, true);
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0"), (10_000, vec!["10.0.0.1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn ports_that_are_not_served_lead_to_ready_pods_by_what_their_containers_name() {
    let cluster = Cluster::new("v1");
    let mut spec = spec("hello");
    spec["ports"] = json!([{ "name": "http", "port": 80 }, { "name": "admin", "port": 81, "targetPort": "admin" }]);
    cluster.set_service("hello", json!({ "rouse.dev/workload": "hello" }), spec);
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let _a = town.activator("a", A, true);
    let _pod = town.pod("hello", "hello-1", [10, 1, 0, 1]);
    let ports = [("admin".to_owned(), 9901)].into();
    town.router().pod_ports(&crate::town::id("hello"), &config::PodId::new("hello-1"), &ports);
    a_moment().await;
    let written = cluster.written();
    assert_eq!(written.len(), 3, "{written:?}");
    let admin = written[1].strip_prefix("POST ").unwrap();
    assert_eq!(cluster.leads_to(admin), (9901, vec!["10.1.0.1".to_owned()]));
    assert_eq!(written[2], "PATCH hello", "the key comes when all ports lead somewhere");
}
