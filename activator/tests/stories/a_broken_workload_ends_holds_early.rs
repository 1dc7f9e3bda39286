//! Nobody hangs in front of a workload that cannot start: callers hear at once that it is broken, and one word of why.

use std::time::Duration;

use config::{Failure, PodState, Time};

use crate::support::{Stage, get};

fn crash_loop() -> Failure {
    Failure::CrashLoop { exits: 3, detail: "panicked: the password is hunter2".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_and_so_is_who_comes() {
    let stage = Stage::new(0);
    let sent = stage.hold(0..3).await;
    let before = stage.now();
    stage.activator.set_failure(&stage.id, Some(&crash_loop()));
    for answer in sent.into_iter().chain([stage.get(Duration::ZERO)]) {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.reason()), (503, Some("crash-loop")));
        assert!(answer.headers.contains_key("retry-after"));
        let told = format!("{:?} {:?}", answer.headers, answer.body);
        assert!(!told.contains("hunter2") && !told.contains("panicked"), "details are for operators: {told}");
    }
    assert_eq!(stage.now(), before);
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.open, snapshot.failure, snapshot.counts.broken), (0, Some("crash-loop"), 4));
}

#[tokio::test(start_paused = true)]
async fn ready_pods_serve_on_whatever_keeps_further_ones_from_starting() {
    let stage = Stage::new(1);
    stage.start_pod("one");
    let first = stage.get(Duration::from_millis(100));
    stage.until(|snapshot| snapshot.open == 1).await;
    let second = stage.hold(1..2).await;
    stage.activator.set_failure(&stage.id, Some(&Failure::Quota { detail: String::new() }));
    assert_eq!(first.await.unwrap().status, 200);
    for answer in second {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    stage.set_pod("one", PodState::Gone);
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().reason(), Some("quota"));
}

#[tokio::test(start_paused = true)]
async fn the_last_ready_pod_of_a_broken_workload_takes_the_holds_with_it() {
    let stage = Stage::new(1);
    stage.start_pod("one");
    let running = stage.get(Duration::from_secs(1));
    stage.until(|snapshot| snapshot.open == 1).await;
    let waiting = stage.hold(1..2).await;
    stage.activator.set_failure(&stage.id, Some(&crash_loop()));
    stage.set_pod("one", PodState::Draining);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().reason(), Some("crash-loop"));
    }
    assert_eq!(running.await.unwrap().status, 200, "what runs goes on");
}

#[tokio::test(start_paused = true)]
async fn when_it_is_repaired_requests_wait_again() {
    let stage = Stage::new(0);
    stage.activator.set_failure(&stage.id, Some(&crash_loop()));
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, 503);
    stage.activator.set_failure(&stage.id, None);
    let sent = stage.hold(0..1).await;
    stage.start_pod("one");
    assert_eq!(sent.into_iter().next().unwrap().await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_removed_workload_ends_its_holds_and_is_unknown_from_then_on() {
    let stage = Stage::new(0);
    let sent = stage.hold(0..2).await;
    stage.activator.remove_workload(&stage.id);
    for answer in sent {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.reason()), (503, Some("removed")));
    }
    assert!(stage.activator.snapshot(&stage.id).is_none());
    let answer = stage.send(get(Duration::ZERO, 0)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.reason()), (404, Some("unknown-host")));
    assert!(stage.now() < Time::from_secs_f64(1.0));
}
