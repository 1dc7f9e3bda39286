use config::Route;
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::town::{SECOND, Town, a_moment, id};

#[tokio::test(start_paused = true)]
async fn three_hundred_idle_workloads_write_nothing_and_read_watches_only() {
    let cluster = Cluster::new("v1");
    let names: Vec<_> = (0..300).map(|number| format!("w{number}")).collect();
    names.iter().for_each(|name| cluster.serve(name));
    let town = Town::start(cluster.clone(), &names.iter().map(String::as_str).collect::<Vec<_>>());
    let _activators = (town.activator("a", [10, 0, 0, 1], true), town.activator("b", [10, 0, 0, 2], true));
    sleep(60 * SECOND).await;
    assert!(names.iter().all(|name| cluster.has_key(name)));
    cluster.written();
    let lists = cluster.lists();
    sleep(600 * SECOND).await;
    assert_eq!((cluster.written(), cluster.lists()), (vec![], lists));
}

#[tokio::test(start_paused = true)]
async fn one_whose_writes_fail_is_tried_again_with_back_off_and_keeps_nobody_else() {
    let cluster = Cluster::new("v1");
    ["bad", "good"].iter().for_each(|name| cluster.serve(name));
    cluster.refuse("bad-rouse-4-0", Some(403));
    let mut town = Town::start(cluster.clone(), &["bad", "good"]);
    let _a = town.activator("a", [10, 0, 0, 1], true);
    a_moment().await;
    assert!(cluster.has_key("good") && !cluster.has_key("bad"), "no key without a slice");
    sleep(60 * SECOND).await;
    let tries: Vec<Instant> =
        cluster.writes().iter().filter(|write| write.name == "bad-rouse-4-0").map(|write| write.at).collect();
    assert!((10..20).contains(&tries.len()), "{}", tries.len());
    let last = tries.windows(2).map(|two| two[1] - two[0]).next_back().unwrap();
    assert!((10 * SECOND..11 * SECOND).contains(&last), "{last:?}");
    let told = town.told();
    assert_eq!(told.iter().filter(|told| *told == "RouteFailed bad").count(), 1, "{told:?}");
    cluster.refuse("bad-rouse-4-0", None);
    sleep(11 * SECOND).await;
    assert!(cluster.has_key("bad"));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_cannot_be_written_is_true_once_it_can() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let _a = town.activator("a", [10, 0, 0, 1], true);
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    cluster.refuse("hello-rouse-4-0", Some(500));
    let hello = id("hello");
    let route = town.router().route(&hello, Route::Pods);
    tokio::select! {
        _ = route => panic!("it is not"),
        () = sleep(60 * SECOND) => cluster.refuse("hello-rouse-4-0", None),
    }
    town.router().route(&hello, Route::Pods).await.unwrap();
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 8012);
}
