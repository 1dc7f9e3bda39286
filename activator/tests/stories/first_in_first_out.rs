//! Who came first is served first, and nobody waits for longer than until there is a slot.

use std::time::Duration;

use crate::support::{Stage, get};
use config::PodState;

#[tokio::test(start_paused = true)]
async fn held_requests_reach_the_pod_in_the_order_they_came() {
    let stage = Stage::new(1);
    let sent = stage.hold(0..20).await;
    assert_eq!(stage.snapshot().held, 20);
    let app = stage.start_pod("one");
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(*app.numbers.lock(), (0..20).collect::<Vec<_>>());
    assert_eq!((stage.snapshot().held, stage.snapshot().open), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_new_request_does_not_pass_those_that_wait() {
    let stage = Stage::new(1);
    let app = stage.start_pod("one");
    let first = stage.send(get(Duration::from_millis(100), 0));
    stage.until(|snapshot| snapshot.open == 1).await;
    let waiting = stage.hold(1..4).await;
    first.await.unwrap();
    let late = stage.send(get(Duration::ZERO, 4));
    for answer in waiting {
        answer.await.unwrap();
    }
    late.await.unwrap();
    assert_eq!(*app.numbers.lock(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_held_requests_are_released_at_once() {
    let stage = Stage::new(0);
    let sent: Vec<_> = (0..1_000).map(|_| stage.get(Duration::ZERO)).collect();
    stage.until(|snapshot| snapshot.held == 1_000).await;
    let held = stage.now();
    stage.start_pod("one");
    assert_eq!(stage.snapshot().held, 0, "nobody waits for a turn");
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(stage.now(), held, "no timer is in the way");
    let [wake] = &stage.activator.take_wakes()[..] else { panic!("one wake") };
    assert_eq!((wake.requests, wake.released_at), (1_000, held));
    assert!(stage.activator.take_wakes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_slots_and_more_pods_let_more_in() {
    let mut stage = Stage::new(1);
    stage.start_pod("one");
    let sent: Vec<_> = (0..6).map(|_| stage.get(Duration::from_secs(1))).collect();
    stage.until(|snapshot| snapshot.held == 5).await;
    stage.serving.container_concurrency = 2;
    stage.set_workload(&stage.serving);
    assert_eq!(stage.snapshot().held, 4);
    stage.start_pod("two");
    assert_eq!(stage.snapshot().held, 2);
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_pod_gets_nothing_new_and_finishes_what_it_has() {
    let stage = Stage::new(1);
    let app = stage.start_pod("one");
    let running = stage.get(Duration::from_secs(5));
    stage.until(|snapshot| snapshot.open == 1).await;
    stage.set_pod("one", PodState::Draining);
    let waiting = stage.hold(1..2).await;
    assert_eq!(running.await.unwrap().status, 200);
    assert_eq!(stage.snapshot().held, 1);
    stage.start_pod("two");
    assert_eq!(waiting.into_iter().next().unwrap().await.unwrap().status, 200);
    assert_eq!(*app.numbers.lock(), [0]);
}
