use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::kubernetes::lease::{Lease, LeaseTimes};
use crate::kubernetes::mock::{Apiserver, Way};

const PATH: &str = "/apis/discovery.k8s.io/v1/namespaces/rouse-system/endpointslices/rouse-autoscaler";

const TENTH: Duration = Duration::from_millis(100);

fn writes(apiserver: &Apiserver, name: &'static str) -> Writes {
    Writes::new(apiserver.client(name), bounds::KUBE_API_QPS, bounds::KUBE_API_BURST)
}

fn endpoint(apiserver: &Apiserver, name: &'static str, last: u8) -> LinkEndpoint {
    LinkEndpoint::new(writes(apiserver, name), "rouse-system", "v1", [10, 0, 0, last].into())
}

/// Where Links lead.
fn leads_to(apiserver: &Apiserver) -> Option<String> {
    let slice = apiserver.object(PATH)?;
    slice["endpoints"][0]["addresses"][0].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn the_slice_is_what_kube_proxy_needs_and_written_once() {
    for (version, address, name, family) in [
        ("v1", "10.0.0.7", "rouse-autoscaler", "IPv4"),
        ("v1beta1", "10.0.0.7", "rouse-autoscaler", "IPv4"),
        ("v1", "fd00::7", "rouse-autoscaler-ipv6", "IPv6"),
    ] {
        let apiserver = Apiserver::new();
        let address: IpAddr = address.parse().unwrap();
        let endpoint = LinkEndpoint::new(writes(&apiserver, "a"), "rouse-system", version, address);
        assert!(timeout(Duration::from_secs(600), endpoint.keep()).await.is_err(), "it never ends");
        let path = format!("/apis/discovery.k8s.io/{version}/namespaces/rouse-system/endpointslices/{name}");
        let expected = json!({
            "apiVersion": format!("discovery.k8s.io/{version}"),
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "labels": {
                    "kubernetes.io/service-name": "rouse-autoscaler",
                    "endpointslice.kubernetes.io/managed-by": "rouse.dev",
                },
                "resourceVersion": "2",
            },
            "addressType": family,
            "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
            "ports": [{ "name": "link", "port": 8091, "protocol": "TCP" }],
        });
        assert_eq!(apiserver.object(&path), Some(expected));
        let written = apiserver.take_asked().iter().filter(|(_, what)| !what.starts_with("GET")).count();
        assert_eq!(written, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn where_keda_may_ask_the_slice_has_that_port_too() {
    let apiserver = Apiserver::new();
    drop(timeout(TENTH, endpoint(&apiserver, "a", 7).keep()).await);
    drop(timeout(TENTH, endpoint(&apiserver, "a", 7).with_scaler().keep()).await);
    let slice = apiserver.object(PATH).unwrap();
    assert_eq!(slice["ports"][1], json!({ "name": "scaler", "port": 8095, "protocol": "TCP" }));
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_is_right_already_is_not_written() {
    let apiserver = Apiserver::new();
    drop(timeout(TENTH, endpoint(&apiserver, "a", 7).keep()).await);
    let mut slice = apiserver.object(PATH).unwrap();
    slice["endpoints"][0]["nodeName"] = "node-1".into(); // what an apiserver or somebody else adds
    apiserver.put(PATH, Some(slice));
    apiserver.take_asked();
    drop(timeout(TENTH, endpoint(&apiserver, "a", 7).keep()).await);
    assert!(apiserver.take_asked().iter().all(|(_, what)| what.starts_with("GET")));
}

#[tokio::test(start_paused = true)]
async fn whoever_points_it_elsewhere_or_deletes_it_is_put_right_at_once() {
    let apiserver = Apiserver::new();
    let mut tasks = JoinSet::new();
    let leader = endpoint(&apiserver, "a", 7);
    tasks.spawn(async move { leader.keep().await });
    sleep(TENTH).await;
    let good = apiserver.object(PATH).unwrap();
    let mut bad: Vec<_> = vec![None];
    for change in [
        |slice: &mut Value| slice["endpoints"][0]["addresses"][0] = "10.0.0.8".into(),
        |slice: &mut Value| slice["endpoints"][0]["conditions"]["ready"] = false.into(),
        |slice: &mut Value| slice["ports"][0]["name"] = "http".into(),
        |slice: &mut Value| slice["metadata"]["labels"] = json!({}),
    ] {
        let mut slice = good.clone();
        change(&mut slice);
        bad.push(Some(slice));
    }
    for bad in bad {
        apiserver.put(PATH, bad.clone());
        sleep(TENTH).await;
        let slice = apiserver.object(PATH).expect("it is there");
        let same = ["endpoints", "ports", "addressType"].iter().all(|part| slice[part] == good[part]);
        assert!(same && slice["metadata"]["labels"] == good["metadata"]["labels"], "{bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_apiserver_that_is_away_is_tried_until_it_is_back() {
    for way in [Way::Refused, Way::Cut] {
        let apiserver = Apiserver::new();
        apiserver.set_way("a", way);
        let mut tasks = JoinSet::new();
        let leader = endpoint(&apiserver, "a", 7);
        tasks.spawn(async move { leader.keep().await });
        sleep(Duration::from_secs(60)).await;
        apiserver.set_way("a", Way::Good);
        sleep(bounds::LINK_SLICE_READ + bounds::LINK_SLICE_AGAIN + TENTH).await;
        assert_eq!(leads_to(&apiserver).as_deref(), Some("10.0.0.7"), "{way:?}");
    }
}

/// An autoscaler, until it is told to end: then it gives the Lease up.
async fn autoscaler(apiserver: Apiserver, name: &'static str, last: u8, ends: Duration) {
    let mut lease = Lease::new(writes(&apiserver, name), "rouse-system", name, LeaseTimes::default());
    let endpoint = endpoint(&apiserver, name, last);
    let lead = async {
        lease.acquire().await;
        tokio::select! {
            () = lease.keep() => {}
            () = endpoint.keep() => {}
        }
    };
    drop(timeout(ends, lead).await);
    lease.release().await;
}

#[tokio::test(start_paused = true)]
async fn links_lead_to_the_next_within_a_second_of_the_end_of_the_one_before() {
    let apiserver = Apiserver::new();
    let mut tasks = JoinSet::new();
    let minute = Duration::from_secs(60);
    tasks.spawn(autoscaler(apiserver.clone(), "a", 7, minute));
    sleep(TENTH).await;
    tasks.spawn(autoscaler(apiserver.clone(), "b", 8, 10 * minute));
    sleep(minute - TENTH - TENTH / 10).await;
    assert_eq!(leads_to(&apiserver).as_deref(), Some("10.0.0.7"));
    let start = Instant::now();
    while leads_to(&apiserver).as_deref() != Some("10.0.0.8") {
        sleep(TENTH / 10).await;
        assert!(Instant::now() < start + 2 * TENTH, "{:?}", leads_to(&apiserver));
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_writes_late_who_does_not_lead_any_more_is_put_right() {
    let apiserver = Apiserver::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(autoscaler(apiserver.clone(), "b", 8, Duration::from_secs(3600)));
    sleep(Duration::from_secs(10)).await;
    drop(timeout(TENTH / 20, endpoint(&apiserver, "a", 7).keep()).await);
    sleep(TENTH).await;
    let asked = apiserver.take_asked();
    assert!(asked.iter().any(|(who, what)| *who == "a" && what.starts_with("PUT")), "it did write: {asked:?}");
    assert_eq!(leads_to(&apiserver).as_deref(), Some("10.0.0.8"));
}
