use std::sync::Arc;

use config::{PlatformError, Route};
use deploy::kubernetes::route_calls::RouteCalls;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::Cluster;
use crate::town::{Linked, SECOND, SETTLE, Town, a_moment, id};

/// A Service that leads to a pod; an activator is there.
async fn direct() -> (Town, Cluster, Linked, Linked) {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let activator = town.activator("a", [10, 0, 0, 1], true);
    let pod = town.pod("hello", "x", [10, 1, 0, 1]);
    a_moment().await;
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    (town, cluster, activator, pod)
}

/// Asks for the route in a task of its own.
fn ask(town: &Town, route: Route) -> tokio::task::JoinHandle<(Instant, Result<(), PlatformError>)> {
    let router = Arc::clone(town.router());
    tokio::spawn(async move {
        let result = router.route(&id("hello"), route).await;
        (Instant::now(), result)
    })
}

fn seconds(from: Instant, to: Instant) -> f64 {
    (to - from).as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn it_is_true_when_no_pod_saw_anyone_for_long_enough_after_the_turn() {
    let (town, cluster, _activator, _pod) = direct().await;
    let start = Instant::now();
    let (at, result) = ask(&town, Route::Activator).await.unwrap();
    result.unwrap();
    assert!((5.0..5.2).contains(&seconds(start, at)), "{}", seconds(start, at));
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 10_000);
}

#[tokio::test(start_paused = true)]
async fn each_request_that_comes_past_the_activators_puts_it_off() {
    let (town, _cluster, _activator, pod) = direct().await;
    let start = Instant::now();
    let asked = ask(&town, Route::Activator);
    for _ in 0..3 {
        sleep(2 * SECOND).await;
        pod.sees_direct("hello", town.clock);
    }
    let (at, result) = asked.await.unwrap();
    result.unwrap();
    assert!((11.0..11.5).contains(&seconds(start, at)), "{}", seconds(start, at));
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_link_broke_may_have_seen_someone() {
    let (mut town, _cluster, _activator, pod) = direct().await;
    let mut asked = ask(&town, Route::Activator);
    sleep(SECOND).await;
    drop(pod);
    assert!(timeout(6 * SETTLE, &mut asked).await.is_err());
    town.set_pod("x", config::PodState::Gone);
    timeout(2 * SECOND, asked).await.unwrap().unwrap().1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_an_activator_it_is_not_true_that_requests_go_there() {
    let (town, cluster, activator, _pod) = direct().await;
    drop(activator);
    sleep(3 * SECOND).await;
    let mut asked = ask(&town, Route::Activator);
    assert!(timeout(60 * SECOND, &mut asked).await.is_err());
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 8012, "pods take what comes");
    let _other = town.activator("b", [10, 0, 0, 2], true);
    asked.await.unwrap().1.unwrap();
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 10_000);
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_platform_are_carried_out_and_a_newer_one_ends_an_older() {
    let (town, cluster, _activator, _pod) = direct().await;
    let (calls, made) = RouteCalls::channel();
    let carried = tokio::spawn(Arc::clone(town.router()).carry_out(made));
    let older = tokio::spawn({
        let calls = calls.clone();
        async move { calls.route(&id("hello"), Route::Activator).await }
    });
    a_moment().await;
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 10_000);
    calls.route(&id("hello"), Route::Pods).await.unwrap();
    assert!(matches!(older.await.unwrap(), Err(PlatformError::Refused(_))));
    assert_eq!(cluster.leads_to("hello-rouse-4-0").0, 8012);
    drop(calls);
    carried.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_newer_wish_ends_an_older_one_and_a_workload_that_goes_ends_both() {
    let (mut town, _cluster, _activator, _pod) = direct().await;
    let older = ask(&town, Route::Activator);
    sleep(SECOND).await;
    town.router().route(&id("hello"), Route::Pods).await.unwrap();
    assert!(matches!(older.await.unwrap().1, Err(PlatformError::Refused(_))));
    let newer = ask(&town, Route::Activator);
    sleep(SECOND).await;
    town.remove("hello");
    assert!(matches!(newer.await.unwrap().1, Err(PlatformError::UnknownWorkload(_))));
    let (_, result) = ask(&town, Route::Activator).await.unwrap();
    assert!(matches!(result, Err(PlatformError::UnknownWorkload(_))));
}
