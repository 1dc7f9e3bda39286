//! What is declared changes while requests come: settings apply at once, pods are replaced one by one, none is lost.

use std::time::Duration;

use bytes::Bytes;
use config::manifest::{Declared, Template};
use config::{PodState, Policy, Serving, Workload};
use deploy::memory::{App, Start};
use http::Response;
use http_body_util::Full;
use tokio::time::sleep;

use crate::system::{MS, SECOND, System, hello, one_at_a_time, workload};

/// An app that says which one it is, after `time`.
fn app(version: &'static str, start: Start, time: Duration) -> App {
    App::new(start, move |_| async move {
        sleep(time).await;
        Response::new(Full::<Bytes>::from(version))
    })
}

fn declared(workload: Workload, version: &str) -> Declared {
    let template = Template { command: vec![version.to_owned()], ..Template::default() };
    let source = workload.id.to_string();
    Declared { workload, template, ports: Vec::new(), worker: false, source }
}

/// One pod has at most one request and there may be `max_scale` pods.
fn limited(max_scale: u32) -> (Policy, Serving) {
    let (policy, serving) = one_at_a_time();
    (Policy { max_scale, ..policy }, serving)
}

impl System {
    /// `hello` runs another app from now on.
    fn roll(&self, (policy, serving): (Policy, Serving), version: &'static str, app: App) {
        self.platform.set_app(&hello(), app);
        self.platform.apply(vec![declared(workload("hello", policy, serving), version)]);
    }

    fn count(&self, state: PodState) -> usize {
        self.pods(state).len()
    }
}

#[tokio::test(start_paused = true)]
async fn pods_are_replaced_one_at_a_time_under_load_and_every_request_is_answered_once() {
    let limits = limited(3);
    let slow = Start::ListensAfter(200 * MS);
    let system = System::of_one(limits.0.clone(), limits.1.clone(), app("old", slow, 20 * MS));
    let mut sent = Vec::new();
    let (mut most, mut fewest) = (0, usize::MAX);
    for n in 0..2_000 {
        if n == 1_000 {
            assert_eq!(system.count(PodState::Ready), 3, "the load needs them all");
            system.roll(limits.clone(), "new", app("new", slow, 20 * MS));
        }
        if n >= 1_000 {
            most = most.max(system.count(PodState::Ready) + system.count(PodState::Starting));
            fewest = fewest.min(system.count(PodState::Ready));
        }
        sent.push(system.get("/"));
        sleep(8 * MS).await;
    }
    let (mut old, mut new) = (0, 0);
    for answer in sent {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        *if answer.body == "old" { &mut old } else { &mut new } += 1;
    }
    assert!(old >= 1_000 && new >= 800, "{old} by old ones, {new} by new ones");
    assert_eq!((fewest, most), (3, 4), "never fewer than were asked for, never more than one beyond");
    assert_eq!(system.count(PodState::Gone), 3, "the old ones");
    sleep(SECOND).await;
    system.assert_nothing_is_counted();
}

#[tokio::test(start_paused = true)]
async fn with_one_pod_at_most_the_old_serves_until_the_new_is_ready() {
    let limits = limited(1);
    let slow = Start::ListensAfter(300 * MS);
    let system = System::of_one(limits.0.clone(), limits.1.clone(), app("old", slow, 10 * MS));
    assert_eq!(system.get("/").await.unwrap().body, "old");
    system.roll(limits, "new", app("new", slow, 10 * MS));
    assert_eq!(system.get("/").await.unwrap().body, "old", "the new one is not ready yet");
    let busy = system.get("/");
    sleep(400 * MS).await;
    assert_eq!(busy.await.unwrap().body, "old");
    assert_eq!(system.get("/").await.unwrap().body, "new");
    assert_eq!((system.count(PodState::Ready), system.count(PodState::Gone)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn at_zero_nothing_starts_and_the_next_wake_runs_the_new() {
    let system = System::of_one(Policy::default(), Serving::default(), app("old", Start::ListensAfter(MS), MS));
    sleep(SECOND).await;
    let defaults = (Policy::default(), Serving::default());
    system.roll(defaults, "new", app("new", Start::ListensAfter(MS), MS));
    sleep(10 * SECOND).await;
    assert_eq!(system.scales(), [0_u32; 0]);
    assert!(system.next_deadline().is_none(), "asleep, it has no timer");
    assert_eq!(system.get("/").await.unwrap().body, "new");
    assert_eq!(system.count(PodState::Gone), 0);
}

#[tokio::test(start_paused = true)]
async fn while_waking_the_one_that_starts_gives_way_and_what_is_held_is_answered_by_the_new() {
    let defaults = (Policy::default(), Serving::default());
    let system = System::of_one(defaults.0.clone(), defaults.1.clone(), app("old", Start::NeverListens, MS));
    let held: Vec<_> = (0..50).map(|_| system.get("/")).collect();
    sleep(5 * SECOND).await;
    assert_eq!((system.snapshot().held, system.count(PodState::Starting)), (50, 1));
    system.roll(defaults, "new", app("new", Start::ListensAfter(100 * MS), MS));
    for answer in held {
        assert_eq!(answer.await.unwrap().body, "new");
    }
    sleep(SECOND).await;
    assert_eq!((system.count(PodState::Ready), system.count(PodState::Gone)), (1, 1));
    system.assert_nothing_is_counted();
}

#[tokio::test(start_paused = true)]
async fn settings_apply_at_once_to_the_pods_that_run() {
    let limits = limited(1);
    let system = System::of_one(limits.0.clone(), limits.1.clone(), app("it", Start::ListensAfter(MS), SECOND));
    let sent: Vec<_> = (0..4).map(|_| system.get("/")).collect();
    sleep(500 * MS).await;
    let pods = system.pods(PodState::Ready);
    assert_eq!((pods.len(), system.snapshot().held), (1, 3));

    let mut edited = workload("hello", limits.0.clone(), Serving { container_concurrency: 4, ..limits.1 });
    edited.hosts.push("also.localhost".to_owned());
    system.platform.apply(vec![Declared { template: Template::default(), ..declared(edited, "it") }]);
    sleep(MS).await;
    assert_eq!((system.snapshot().held, system.snapshot().pods[0].in_flight), (0, 4), "three waiters went in at once");
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(system.asking("also.localhost", "/").await.status, 200);
    assert_eq!(system.pods(PodState::Ready), pods, "the same pod");
    assert_eq!(system.count(PodState::Gone), 0);
}

#[tokio::test(start_paused = true)]
async fn a_template_that_never_starts_leaves_the_old_pods_serving_and_going_back_ends_the_attempt() {
    let limits = limited(1);
    let good = app("old", Start::ListensAfter(MS), 10 * MS);
    let system = System::of_one(limits.0.clone(), limits.1.clone(), good.clone());
    assert_eq!(system.get("/").await.unwrap().body, "old");
    let pods = system.pods(PodState::Ready);
    system.roll(limits.clone(), "broken", app("broken", Start::CrashesAfter(5 * MS), MS));
    for _ in 0..20 {
        sleep(SECOND).await;
        assert_eq!(system.get("/").await.unwrap().body, "old");
    }
    assert_eq!(system.explain().failure, None, "it has a ready pod");
    assert!(system.count(PodState::Gone) >= 3, "it was tried");

    system.platform.set_app(&hello(), good);
    let before = Declared { template: Template::default(), ..declared(workload("hello", limits.0, limits.1), "") };
    system.platform.apply(vec![before]);
    let (tried, ready) = (system.count(PodState::Gone), system.count(PodState::Ready));
    sleep(30 * SECOND).await;
    let ended = ready - system.count(PodState::Ready);
    assert_eq!(system.count(PodState::Gone), tried + ended, "nothing more is tried");
    let left = system.pods(PodState::Ready);
    assert!(!left.is_empty() && left.iter().all(|pod| pods.contains(pod)), "of the old ones what the load needs");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_mends_a_crash_loop_is_tried_at_once() {
    let defaults = (Policy::default(), Serving::default());
    let crashing = app("old", Start::CrashesAfter(MS), MS);
    let system = System::of_one(defaults.0.clone(), defaults.1.clone(), crashing);
    let answer = system.get("/").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("rouse-reason")), (503, Some("crash-loop")));
    system.roll(defaults, "new", app("new", Start::ListensAfter(MS), MS));
    let mended = tokio::time::Instant::now();
    let answer = system.get("/").await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"new"[..]));
    assert!(tokio::time::Instant::now() - mended < 100 * MS, "not after the pause of the crash loop");
}

#[tokio::test(start_paused = true)]
async fn a_workload_is_added_and_another_removed_while_its_requests_finish() {
    let defaults = (Policy::default(), Serving::default());
    let system = System::of_one(defaults.0.clone(), defaults.1.clone(), app("hello", Start::ListensAfter(MS), SECOND));
    let running = system.get("/");
    sleep(500 * MS).await;
    let world = workload("world", defaults.0, defaults.1);
    system.platform.set_app(&world.id, app("world", Start::ListensAfter(MS), MS));
    system.platform.apply(vec![declared(world, "world")]);
    assert_eq!(system.asking("world.localhost", "/").await.body, "world");
    assert!(system.activator().snapshot(&hello()).is_none());
    assert_eq!(running.await.unwrap().body, "hello", "what it had in flight is finished");
    sleep(SECOND).await;
    assert_eq!((system.count(PodState::Gone), system.count(PodState::Ready)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn fewer_pods_in_the_middle_of_a_roll_are_fewer_old_ones() {
    let limits = limited(4);
    let slow = Start::ListensAfter(10 * SECOND);
    let system = System::of_one(limits.0.clone(), limits.1.clone(), app("old", Start::ListensAfter(MS), SECOND));
    let sent: Vec<_> = (0..4).map(|_| system.get("/")).collect();
    sleep(3 * SECOND).await;
    assert_eq!(system.count(PodState::Ready), 4, "{:?}", system.scales());
    system.roll(limits, "new", app("new", slow, SECOND));
    let new = system.pods(PodState::Starting);
    assert_eq!(new.len(), 1);
    config::Platform::scale(&*system.platform, &hello(), 2).await.unwrap();
    assert_eq!((system.count(PodState::Ready), system.pods(PodState::Starting)), (2, new));
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}
