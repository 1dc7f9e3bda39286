//! An activator of its own process does what comes over the Link.

use std::time::Duration;

use config::link::Down;
use config::{Failure, Mode, Pod, PodState, Serving};
use http::StatusCode;

use crate::support::Stage;

fn pods(stage: &Stage, pods: &[&Pod], failure: Option<Failure>) -> Down {
    let pods = pods.iter().map(|&pod| pod.clone()).collect();
    Down::Pods { workload: stage.id.clone(), pods, failure, at: stage.now() }
}

fn workload(stage: &Stage, serving: Serving) -> Down {
    let hosts = vec!["app.localhost".to_owned()];
    Down::Workload { workload: stage.id.clone(), serving, mode: Mode::Default, hosts }
}

fn names(stage: &Stage) -> Vec<String> {
    stage.snapshot().pods.iter().map(|pod| pod.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn pods_come_change_and_go() {
    let stage = Stage::new(1);
    stage.activator.remove_workload(&stage.id);
    let one = stage.remote_pod("one");
    stage.activator.apply(&pods(&stage, &[&one.pod], None)); // of a workload that is not known: nothing happens
    stage.activator.apply(&workload(&stage, stage.serving.clone()));
    let held = stage.hold(0..1).await;
    stage.activator.apply(&pods(&stage, &[&one.pod], None));
    for answer in held {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    let moved = stage.remote_pod("one");
    assert_ne!(one.pod.address, moved.pod.address);
    stage.activator.apply(&pods(&stage, &[&moved.pod], None));
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::OK);
    assert_eq!((one.app.numbers.lock().len(), moved.app.numbers.lock().len()), (1, 1), "the new address is used");
    let gone = Pod { state: PodState::Gone, ..moved.pod.clone() };
    stage.activator.apply(&pods(&stage, &[&gone], Some(Failure::CrashLoop { exits: 3, detail: String::new() })));
    assert!(names(&stage).is_empty());
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    stage.activator.apply(&Down::WorkloadGone { workload: stage.id.clone() });
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn settings_apply_to_pods_that_run() {
    let stage = Stage::new(1);
    let bare = stage.bare_pod("one");
    stage.activator.apply(&pods(&stage, &[&bare.pod], None));
    let sent: Vec<_> = (0..3).map(|_| stage.get(Duration::from_secs(1))).collect();
    stage.until(|snapshot| snapshot.open == 3).await;
    assert_eq!((stage.snapshot().held, stage.snapshot().pods[0].in_flight), (2, 1));
    let serving = Serving { container_concurrency: 2, ..stage.serving.clone() };
    stage.activator.apply(&Down::Settings { workload: stage.id.clone(), serving, watermark: 3 });
    assert_eq!((stage.snapshot().held, stage.snapshot().pods[0].in_flight), (1, 2));
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(bare.app.most_in_flight.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_named_anew_is_gone_when_all_was_said_and_not_before() {
    let stage = Stage::new(1);
    let (one, two) = (stage.remote_pod("one"), stage.remote_pod("two"));
    stage.activator.apply(&pods(&stage, &[&one.pod, &two.pod], None));
    stage.activator.apply(&Down::Synced); // nobody asked: nothing happens
    assert_eq!(names(&stage), ["one", "two"]);
    stage.activator.begin_sync();
    stage.activator.apply(&workload(&stage, stage.serving.clone()));
    stage.activator.apply(&pods(&stage, &[&two.pod], None));
    assert_eq!(names(&stage), ["one", "two"]);
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::OK, "what it knew stays in use");
    stage.activator.apply(&Down::Synced);
    assert_eq!(names(&stage), ["two"]);
    stage.activator.begin_sync();
    stage.activator.apply(&Down::Stays { workload: stage.id.clone() });
    stage.activator.apply(&Down::Synced);
    assert_eq!(names(&stage), ["two"], "it is there, and that is all that is known");
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::OK);
    // Its pods are known too, and were replaced meanwhile.
    stage.activator.begin_sync();
    stage.activator.apply(&Down::Stays { workload: stage.id.clone() });
    stage.activator.apply(&pods(&stage, &[&one.pod], None));
    stage.activator.apply(&Down::Synced);
    assert_eq!(names(&stage), ["one"]);
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::OK);
    stage.activator.begin_sync();
    stage.activator.apply(&Down::Synced);
    assert!(stage.activator.snapshot(&stage.id).is_none());
}
