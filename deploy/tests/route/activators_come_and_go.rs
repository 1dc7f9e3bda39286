use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::town::{Linked, SECOND, Town, a_moment};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

/// A Service that leads to two activators.
async fn two() -> (Town, Cluster, Linked, Linked) {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let town = Town::start(cluster.clone(), &["hello"]);
    let activators = (town.activator("a", A, true), town.activator("b", B, true));
    sleep(SECOND).await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.0.0.1", "10.0.0.2"]);
    cluster.written();
    (town, cluster, activators.0, activators.1)
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_is_led_to_once_it_has_the_door() {
    let (town, cluster, _a, _b) = two().await;
    let _deaf = town.activator("deaf", [10, 0, 0, 3], false);
    sleep(SECOND).await;
    assert!(cluster.written().is_empty());
    let _c = town.activator("c", [10, 0, 0, 4], true);
    a_moment().await;
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-0"]);
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.0.0.1", "10.0.0.2", "10.0.0.4"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_says_it_leaves_is_led_to_no_more_while_it_still_serves() {
    let (_town, cluster, a, _b) = two().await;
    a.link.leaving();
    a_moment().await;
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-0"]);
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.0.0.2"]);
    drop(a);
    sleep(5 * SECOND).await;
    assert!(cluster.written().is_empty(), "it was out already");
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_is_out_within_two_seconds_and_one_that_is_back_in_time_changes_nothing() {
    let (_town, cluster, a, _b) = two().await;
    let died = Instant::now();
    drop(a);
    sleep(3 * SECOND).await;
    let writes = cluster.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].at - died < 2 * SECOND);
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.0.0.2"]);
}

#[tokio::test(start_paused = true)]
async fn when_none_is_linked_the_last_ones_stay_for_it_may_be_the_autoscaler_that_nobody_reaches() {
    let (town, cluster, a, b) = two().await;
    drop((a, b));
    sleep(3 * SECOND).await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1.len(), 2);
    assert!(cluster.has_key("hello"), "what it is adopted for is not forgotten");
    let _c = town.activator("c", A, true);
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0"), (10_000, vec!["10.0.0.1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn many_workloads_are_spread_over_many_activators_and_a_lost_one_moves_only_its_own() {
    let cluster = Cluster::new("v1");
    let names: Vec<_> = (0..40).map(|number| format!("w{number}")).collect();
    names.iter().for_each(|name| cluster.serve(name));
    let town = Town::start(cluster.clone(), &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut activators: Vec<_> =
        (1..=10).map(|number| town.activator(&format!("a{number}"), [10, 0, 0, number], true)).collect();
    sleep(10 * SECOND).await;
    let all = || names.iter().map(|name| cluster.leads_to(&format!("{name}-rouse-4-0")).1).collect::<Vec<_>>();
    let before = all();
    assert!(before.iter().all(|ips| ips.len() == 4), "Knative's three, and one more: {before:?}");
    cluster.written();
    activators.remove(0);
    sleep(3 * SECOND).await;
    let had_it = before.iter().filter(|ips| ips.contains(&"10.0.0.1".to_owned())).count();
    assert_eq!(cluster.written().len(), had_it);
    assert!(all().iter().all(|ips| ips.len() == 4 && !ips.contains(&"10.0.0.1".to_owned())));
}
