//! Whatever comes and goes: no app has more in flight than it may, no request is lost, and all sums are zero in the end.
//!
//! A slot is free as soon as its client has left. The app hears of that a moment later, so requests of clients that
//! leave are not counted there.

use std::sync::Arc;
use std::time::Duration;

use config::link::Up;
use config::{PodState, bounds};
use proptest::prelude::*;

use crate::support::{App, Stage, leaving};

#[derive(Clone, Debug)]
enum Step {
    /// A client asks for so many milliseconds.
    Ask(u64),
    /// A client asks, and leaves after so many milliseconds.
    AskAndLeave(u64),
    StartPod,
    /// The oldest ready pod drains.
    DrainPod,
    /// A pod is announced where nobody listens; it is gone before anybody tries it twice.
    DeadPod,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u64..50).prop_map(Step::Ask),
        2 => (0u64..30).prop_map(Step::AskAndLeave),
        2 => Just(Step::StartPod),
        1 => Just(Step::DrainPod),
        1 => Just(Step::DeadPod),
        4 => (1u64..60).prop_map(Step::Wait),
    ]
}

/// How a pod's gate stands is always within bounds.
fn check_gates(stage: &Stage, container_concurrency: u32) {
    for pod in stage.snapshot().pods {
        assert!(container_concurrency == 0 || pod.in_flight <= container_concurrency, "{pod:?}");
    }
}

async fn play(container_concurrency: u32, steps: Vec<Step>) {
    let stage = Stage::new(container_concurrency);
    let (mut asked, mut apps, mut ready) = (Vec::new(), Vec::<Arc<App>>::new(), Vec::new());
    let (mut leavers, mut dead) = (Vec::new(), 0);
    for (number, step) in steps.into_iter().enumerate() {
        let name = format!("pod-{number}");
        match step {
            Step::Ask(millis) => asked.push(stage.get(Duration::from_millis(millis))),
            Step::AskAndLeave(millis) => {
                let client = stage.send(leaving(Duration::from_secs(1)));
                leavers.push(tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    client.abort();
                }));
            }
            Step::StartPod => {
                apps.push(stage.start_pod(&name));
                ready.push(name);
            }
            Step::DrainPod if ready.is_empty() => {}
            Step::DrainPod => stage.set_pod(&ready.remove(0), PodState::Draining),
            // A request that met as many would be given up.
            Step::DeadPod if dead == bounds::FORWARD_TRIES - 1 => {}
            Step::DeadPod => {
                dead += 1;
                stage.announce(&name, PodState::Ready);
                tokio::time::sleep(Duration::from_millis(4)).await;
                stage.set_pod(&name, PodState::Gone);
            }
            Step::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
        check_gates(&stage, container_concurrency);
    }
    apps.push(stage.start_pod("last"));
    for leaver in leavers {
        leaver.await.expect("the client left");
    }
    let sent = asked.len();
    for answer in asked {
        assert_eq!(answer.await.expect("an answer").status, 200, "no request is lost");
    }
    stage.until(|snapshot| snapshot.open == 0).await;
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.held, snapshot.held_bytes), (0, 0));
    assert!(snapshot.pods.iter().all(|pod| (pod.in_flight, pod.waiting) == (0, 0)), "{snapshot:?}");
    for app in &apps {
        let most = app.most_in_flight.load(std::sync::atomic::Ordering::Relaxed);
        assert!(container_concurrency == 0 || most <= container_concurrency, "{most} in flight");
    }
    let mut frames = Vec::new();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.activator.take_reports(false, &mut frames);
    let arrived = |frame: &Up| if let Up::Report { report, .. } = frame { report.arrived } else { 0 };
    let arrived: u64 = frames.iter().map(arrived).sum();
    assert!(arrived >= sent as u64, "{arrived} of {sent} were counted");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn never_above_container_concurrency(
        container_concurrency in prop_oneof![Just(0u32), Just(1), Just(2), Just(5)],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(play(container_concurrency, steps));
    }
}

/// Real threads, so that requests come, leave and are handed over at the very same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_race_for_slots_lose_none() {
    let stage = Stage::new(2);
    let mut asked = Vec::new();
    let mut apps = Vec::new();
    for round in 0..40 {
        let leavers: Vec<_> = (0..10).map(|_| stage.send(leaving(Duration::ZERO))).collect();
        asked.extend((0..20).map(|_| stage.get(Duration::ZERO)));
        tokio::task::yield_now().await;
        leavers.iter().for_each(tokio::task::JoinHandle::abort);
        if round % 10 == 5 {
            apps.push(stage.start_pod(&format!("pod-{round}")));
        }
    }
    for answer in asked {
        assert_eq!(answer.await.expect("an answer").status, 200);
    }
    stage.until(|snapshot| snapshot.open == 0).await;
    assert!(stage.snapshot().pods.iter().all(|pod| (pod.in_flight, pod.waiting) == (0, 0)));
    assert!(apps.iter().all(|app| app.most_in_flight.load(std::sync::atomic::Ordering::Relaxed) <= 2));
}
