use std::sync::Arc;

use config::{PodState, bounds};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, spec};
use crate::town::{Linked, SECOND, SETTLE, Town, a_moment, id};

/// A Service that is led to an activator.
async fn adopted() -> (Town, Cluster, Linked) {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    cluster.fill("hello", &[]);
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let activator = town.activator("a", [10, 0, 0, 1], true);
    a_moment().await;
    assert_eq!(cluster.written(), ["POST hello-rouse-4-0", "PATCH hello"]);
    town.told();
    (town, cluster, activator)
}

fn take_annotation_off(cluster: &Cluster) {
    let mut service = cluster.service("hello").unwrap();
    service["metadata"]["annotations"] = Value::Null;
    cluster.edit(service, |_| {});
}

#[tokio::test(start_paused = true)]
async fn first_the_key_goes_and_ours_only_when_kubernetes_own_slice_is_filled() {
    let (mut town, cluster, _activator) = adopted().await;
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    let port = 10_000;
    assert!(town.hub().has_door("a", &id("hello"), port));
    take_annotation_off(&cluster);
    sleep(30 * SECOND).await;
    let writes = cluster.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(writes[0].body, json!({ "spec": { "selector": { "rouse.dev/route": null } } }));
    assert!(!cluster.has_key("hello"));
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.0.0.1"], "nobody else leads anywhere yet");
    assert!(town.hub().has_door("a", &id("hello"), port));
    cluster.fill("hello", &["10.1.0.1"]);
    sleep(SECOND).await;
    assert_eq!(cluster.written(), ["DELETE hello-rouse-4-0"]);
    assert!(town.hub().has_door("a", &id("hello"), port), "nodes have yet to hear of it");
    sleep(bounds::DOOR_LINGER).await;
    assert!(!town.hub().has_door("a", &id("hello"), port));
    assert_eq!(town.told(), ["Released hello"]);
    let lists = cluster.lists();
    sleep(60 * SECOND).await;
    assert_eq!((cluster.written(), cluster.lists()), (vec![], lists), "that was it");
}

#[tokio::test(start_paused = true)]
async fn at_zero_somebody_is_asked_for_a_pod_before_anything_is_given_back() {
    let (mut town, cluster, _activator) = adopted().await;
    take_annotation_off(&cluster);
    sleep(10 * SECOND).await;
    assert!(cluster.written().is_empty());
    assert!(town.wakes().iter().all(|workload| *workload == id("hello")));
    sleep(SECOND).await;
    assert!(!town.wakes().is_empty(), "it is asked for until it is there");
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    cluster.fill("hello", &["10.1.0.1"]);
    sleep(SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello", "DELETE hello-rouse-4-0"]);
}

#[tokio::test(start_paused = true)]
async fn who_changes_their_mind_meanwhile_is_led_on() {
    let (mut town, cluster, _activator) = adopted().await;
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    take_annotation_off(&cluster);
    sleep(SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello"]);
    cluster.serve("hello");
    cluster.fill("hello", &["10.1.0.1"]);
    sleep(SECOND).await;
    assert_eq!((cluster.written(), cluster.has_key("hello")), (vec!["PATCH hello".to_owned()], true));
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_is_let_go_gives_all_its_services_back_before_it_is_forgotten() {
    let (mut town, cluster, _activator) = adopted().await;
    cluster.set_service("second", json!({ "rouse.dev/workload": "hello" }), spec("hello"));
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    cluster.written();
    let router = Arc::clone(town.router());
    let released = tokio::spawn(async move {
        router.release(&id("hello")).await;
        Instant::now()
    });
    sleep(SECOND).await;
    let mut written = cluster.written();
    written.sort();
    assert_eq!(written, ["PATCH hello", "PATCH second"]);
    cluster.fill("hello", &["10.1.0.1"]);
    sleep(SECOND).await;
    assert_eq!(cluster.written(), ["DELETE hello-rouse-4-0"]);
    assert!(town.hub().has_door("a", &id("hello"), 10_000), "the other Service still leads there");
    cluster.fill("second", &["10.1.0.1"]);
    let filled = Instant::now();
    let took = released.await.unwrap() - filled;
    let leave = bounds::DOOR_LINGER + SETTLE;
    assert!((leave..leave + SECOND).contains(&took), "clients have the time to leave doors that are closed: {took:?}");
    assert_eq!(cluster.written(), ["DELETE second-rouse-4-0"]);
    assert!(!town.hub().has_door("a", &id("hello"), 10_000));
    town.remove("hello");
    sleep(SECOND).await;
    assert!(cluster.written().is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_a_workload_that_was_deleted_no_pods_are_waited_for_for_ever() {
    let (mut town, cluster, _activator) = adopted().await;
    town.remove("hello");
    sleep(SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello"]);
    sleep(65 * SECOND).await;
    assert_eq!(cluster.written(), ["DELETE hello-rouse-4-0"]);
    assert_eq!(town.told(), ["Released hello", "NoWorkload hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_was_deleted_and_is_made_anew_has_its_port_and_nobody_elses() {
    let (mut town, cluster, _activator) = adopted().await;
    town.remove("hello");
    sleep(2 * SECOND).await;
    town.add("other");
    cluster.serve("other");
    town.add("hello");
    sleep(SECOND).await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 10_000);
    assert_eq!(cluster.leads_to("other-rouse-4-0").0, 10_001);
    assert!(cluster.has_key("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lacks_a_service_right_after_a_gap_is_not_believed() {
    let (town, cluster, _activator) = adopted().await;
    let has_door = || town.hub().has_door("a", &id("hello"), 10_000);
    cluster.gap(Some("hello"));
    sleep(8 * SECOND).await;
    cluster.gap(None);
    sleep(30 * SECOND).await;
    assert_eq!((cluster.written(), has_door()), (vec![], true));
    cluster.gap(Some("hello"));
    sleep(15 * SECOND + bounds::DOOR_LINGER).await;
    assert_eq!((cluster.written(), has_door()), (vec![], false), "it was deleted meanwhile");
}

#[tokio::test(start_paused = true)]
async fn slices_of_a_service_that_is_deleted_are_left_to_kubernetes() {
    let (mut town, cluster, _activator) = adopted().await;
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    let lists = cluster.lists();
    cluster.delete_service("hello");
    sleep(bounds::DOOR_LINGER + 5 * SECOND).await;
    assert_eq!((cluster.written(), cluster.lists()), (vec![], lists));
    assert!(!town.hub().has_door("a", &id("hello"), 10_000));
    cluster.delete_slice("hello-rouse-4-0");
    town.set_pod("x", PodState::Gone);
    sleep(70 * SECOND).await;
    assert!(cluster.written().is_empty());
}
