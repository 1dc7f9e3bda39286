use config::{PodState, Route};
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::town::{SECOND, SETTLE, Town, a_moment, id};

/// A Service that is led to one activator.
async fn adopted() -> (Town, Cluster, crate::town::Linked) {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let town = Town::start(cluster.clone(), &["hello"]);
    let activator = town.activator("a", [10, 0, 0, 1], true);
    a_moment().await;
    assert_eq!(cluster.written(), ["POST hello-rouse-4-0", "PATCH hello"]);
    (town, cluster, activator)
}

#[tokio::test(start_paused = true)]
async fn a_route_turns_by_one_write_of_ports_and_endpoints_together() {
    let (mut town, cluster, _activator) = adopted().await;
    let _pods = (town.pod("hello", "x", [10, 1, 0, 1]), town.pod("hello", "y", [10, 1, 0, 2]));
    a_moment().await;
    assert!(cluster.written().is_empty(), "pods alone turn nothing");
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    let writes = cluster.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!((&*writes[0].name, writes[0].body["ports"][0]["port"].as_u64()), ("hello-rouse-4-0", Some(8012)));
    assert_eq!(writes[0].body["endpoints"].as_array().unwrap().len(), 2);
    town.router().route(&id("hello"), Route::Activator).await.unwrap();
    let writes = cluster.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(writes[0].body["ports"][0]["port"].as_u64(), Some(10_000));
    assert_eq!(cluster.leads_to("hello-rouse-4-0"), (10_000, vec!["10.0.0.1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn beyond_a_hundred_pods_further_slices_are_filled_before_and_emptied_after() {
    let (mut town, cluster, _activator) = adopted().await;
    let _pods = town.many_pods("hello", 150);
    sleep(SECOND).await;
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    assert_eq!(cluster.written(), ["POST hello-rouse-4-1", "PATCH hello-rouse-4-0"]);
    let counts = ["hello-rouse-4-0", "hello-rouse-4-1"].map(|name| cluster.leads_to(name).1.len());
    assert_eq!(counts, [100, 50]);
    town.router().route(&id("hello"), Route::Activator).await.unwrap();
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-0", "PATCH hello-rouse-4-1"]);
    assert_eq!(cluster.leads_to("hello-rouse-4-1").1.len(), 0);
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-1", "PATCH hello-rouse-4-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_led_to_when_it_is_ready_and_no_more_when_it_is_told_to_end() {
    let (mut town, cluster, _activator) = adopted().await;
    let _x = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    let _y = town.pod("hello", "y", [10, 1, 0, 2]);
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.1.0.1", "10.1.0.2"]);
    town.set_pod("x", PodState::Draining);
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.1.0.2"]);
    town.set_pod("y", PodState::Gone);
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0"), (10_000, vec!["10.0.0.1".to_owned()]), "somebody holds what comes");
}

#[tokio::test(start_paused = true)]
async fn one_workload_with_two_services_turns_both_and_one_without_turns_nothing() {
    let (mut town, cluster, _activator) = adopted().await;
    town.add("bare");
    cluster.set_service("second", serde_json::json!({ "rouse.dev/workload": "hello" }), crate::cluster::spec("hello"));
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    assert_eq!(cluster.leads_to("second-rouse-4-0").0, 10_000, "a port for each workload, not for each Service");
    cluster.written();
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    let mut written = cluster.written();
    written.sort();
    assert_eq!(written, ["PATCH hello-rouse-4-0", "PATCH second-rouse-4-0"]);
    for route in [Route::Pods, Route::Activator] {
        town.router().route(&id("bare"), route).await.unwrap();
    }
    assert!(cluster.written().is_empty());
    let seen = town.router().services(&id("hello"));
    let seen: Vec<_> = seen.iter().map(|seen| (&*seen.service, seen.route, seen.endpoints)).collect();
    assert_eq!(seen, [("default/hello", Some(Route::Pods), 1), ("default/second", Some(Route::Pods), 1)]);
    assert!(SETTLE > SECOND);
}
