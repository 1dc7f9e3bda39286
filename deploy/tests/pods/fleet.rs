//! Slots, restarts and draining, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use config::{Failure, Platform, PlatformError, PlatformEvent, PodState, Policy, Route, Serving, Time};
use deploy::memory::{App, Call, MemoryPlatform, Start, Wish};
use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use queue_proxy::Clock;
use queue_proxy::net::{MemoryNetwork, Network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, advance, sleep, timeout};

use crate::heard::{Heard, id, workload};

const MS: Duration = Duration::from_millis(1);

fn platform(start: Start, change: impl FnOnce(&mut Policy, &mut Serving)) -> (Arc<MemoryPlatform>, Heard) {
    let (heard, app) = (Heard::default(), App::sleeping(start, Duration::ZERO));
    let network = MemoryNetwork::default();
    let workloads = vec![(workload(change), app)];
    (MemoryPlatform::new(network, Clock::start(), heard.on_pod(), workloads), heard)
}

/// The next failure that is told, or its end.
async fn failure(events: &mut (impl Stream<Item = PlatformEvent> + Unpin)) -> Option<Failure> {
    let told = async {
        loop {
            if let PlatformEvent::Failure(_, failure) = events.next().await.expect("the platform lives") {
                return failure;
            }
        }
    };
    timeout(Duration::from_secs(60), told).await.expect("a failure, or its end, is told")
}

#[tokio::test(start_paused = true)]
async fn missing_pods_are_announced_before_scale_returns_and_are_ready_together() {
    let (platform, heard) = platform(Start::ListensAfter(50 * MS), |_, _| {});
    let asked = Instant::now();
    platform.scale(&id(), 3).await.unwrap();
    assert_eq!(heard.pods(PodState::Starting).len(), 3);
    platform.scale(&id(), 3).await.unwrap();
    assert_eq!(heard.pods(PodState::Starting).len(), 3, "asking again changes nothing");
    heard.until(PodState::Ready, 3).await;
    let took = Instant::now() - asked;
    assert!(took >= 50 * MS && took <= 110 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_workload_before_its_pods() {
    let (platform, heard) = platform(Start::ListensAfter(50 * MS), |_, _| {});
    let mut events = platform.events();
    platform.scale(&id(), 1).await.unwrap();
    assert_eq!(events.next().await, Some(PlatformEvent::Workload(Arc::new(workload(|_, _| {})), 0)));
    for state in [PodState::Starting, PodState::Ready] {
        let Some(PlatformEvent::Pod(pod)) = events.next().await else { panic!("no pod") };
        assert_eq!((pod.state, pod.workload), (state, id()));
    }
    heard.until(PodState::Ready, 1).await;
}

#[tokio::test(start_paused = true)]
async fn the_idlest_go_first_and_of_equals_the_youngest() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, _| {});
    platform.scale(&id(), 3).await.unwrap();
    let pods = heard.until(PodState::Ready, 3).await;
    let _busy = heard.pod(&pods[2]).1.gate().try_admit().unwrap();
    platform.scale(&id(), 2).await.unwrap();
    heard.until(PodState::Gone, 1).await;
    assert_eq!(heard.pods(PodState::Gone), [pods[1].clone()]);
    platform.scale(&id(), 3).await.unwrap();
    platform.scale(&id(), 2).await.unwrap();
    let gone = heard.until(PodState::Gone, 2).await;
    assert!(!pods.contains(&gone[1]), "the one that was not ready yet goes before any that is");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_drains_finishes_what_it_has_and_is_not_taken_back() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, _| {});
    platform.scale(&id(), 1).await.unwrap();
    let first = heard.until(PodState::Ready, 1).await.remove(0);
    let in_flight = heard.pod(&first).1.gate().try_admit().unwrap();
    platform.scale(&id(), 0).await.unwrap();
    assert_eq!(heard.pods(PodState::Draining), std::slice::from_ref(&first), "told before scale returns");
    platform.scale(&id(), 1).await.unwrap();
    let second = heard.until(PodState::Ready, 1).await.remove(0);
    assert_ne!(first, second);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(heard.pods(PodState::Draining), std::slice::from_ref(&first), "something is in flight");
    drop(in_flight);
    heard.until(PodState::Gone, 1).await;
    assert_eq!(heard.life(&first), [PodState::Starting, PodState::Ready, PodState::Draining, PodState::Gone]);
}

#[tokio::test(start_paused = true)]
async fn draining_takes_no_longer_than_the_termination_grace() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, serving| serving.termination_grace = 30_000 * MS);
    platform.scale(&id(), 1).await.unwrap();
    let pod = heard.until(PodState::Ready, 1).await.remove(0);
    let _in_flight = heard.pod(&pod).1.gate().try_admit().unwrap();
    let asked = Instant::now();
    platform.scale(&id(), 0).await.unwrap();
    heard.until(PodState::Gone, 1).await;
    assert!(Instant::now() - asked >= 30_000 * MS && Instant::now() - asked < 33_000 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_crashes_is_replaced_after_a_pause_by_another() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, _| {});
    platform.scale(&id(), 2).await.unwrap();
    let pods = heard.until(PodState::Ready, 2).await;
    let crashed = Instant::now();
    assert!(platform.crash(&pods[0]));
    heard.until(PodState::Gone, 1).await;
    assert_eq!(heard.life(&pods[0]), [PodState::Starting, PodState::Ready, PodState::Gone]);
    let now = heard.until(PodState::Ready, 2).await;
    assert!(Instant::now() - crashed >= 100 * MS);
    assert!(!now.contains(&pods[0]) && now.contains(&pods[1]));
    assert!(!platform.crash(&pods[0]), "it is no more");
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_is_told_after_three_exits_and_ends_when_a_pod_is_ready() {
    let (platform, heard) = platform(Start::CrashesAfter(10 * MS), |_, _| {});
    let mut events = platform.events();
    platform.scale(&id(), 1).await.unwrap();
    let detail = "exit code 1: crashed".to_owned();
    assert_eq!(failure(&mut events).await, Some(Failure::CrashLoop { exits: 3, detail }));
    assert_eq!(heard.pods(PodState::Gone).len(), 3);
    let told = Instant::now();
    platform.set_app(&id(), App::sleeping(Start::ListensAfter(MS), Duration::ZERO));
    assert_eq!(failure(&mut events).await, None);
    assert_eq!(heard.pods(PodState::Ready).len(), 1);
    assert!(Instant::now() - told >= Duration::from_secs(10), "what is broken is tried at the slow pace");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_run_is_told_at_once_and_forgotten_at_zero() {
    let (platform, heard) = platform(Start::Missing, |_, _| {});
    let mut events = platform.events();
    platform.scale(&id(), 2).await.unwrap();
    assert_eq!(failure(&mut events).await.unwrap().word(), "image");
    platform.scale(&id(), 0).await.unwrap();
    assert_eq!(failure(&mut events).await, None);
    let tried = heard.pods(PodState::Gone).len();
    advance(Duration::from_secs(60)).await;
    assert_eq!(heard.pods(PodState::Gone).len(), tried, "nobody tries at zero");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_never_listens_fails_its_start_and_is_tried_again() {
    let deadline = Duration::from_secs(5);
    let (platform, heard) = platform(Start::NeverListens, |policy, _| policy.progress_deadline = deadline);
    let mut events = platform.events();
    platform.scale(&id(), 1).await.unwrap();
    let detail = "not ready within 5s; it is to listen on its PORT, which was 8080".to_owned();
    assert_eq!(failure(&mut events).await, Some(Failure::StartTimeout { detail }));
    assert_eq!(heard.until(PodState::Gone, 1).await.len(), 1);
    heard.until(PodState::Starting, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_crashing_pod_beside_a_ready_one_is_no_failure_of_the_workload() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, _| {});
    let mut events = platform.events();
    platform.scale(&id(), 1).await.unwrap();
    heard.until(PodState::Ready, 1).await;
    platform.set_app(&id(), App::sleeping(Start::CrashesAfter(MS), Duration::ZERO));
    platform.scale(&id(), 2).await.unwrap();
    heard.until(PodState::Gone, 4).await;
    platform.scale(&id(), 0).await.unwrap();
    heard
        .until_true(|heard| heard.pods(PodState::Starting).is_empty() && heard.pods(PodState::Draining).is_empty())
        .await;
    let mut told = std::iter::from_fn(|| events.next().now_or_never().flatten());
    assert!(told.all(|event| !matches!(event, PlatformEvent::Failure(..))));
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_what_is_in_flight_and_starts_nothing_more() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, _| {});
    platform.scale(&id(), 2).await.unwrap();
    let pods = heard.until(PodState::Ready, 2).await;
    let in_flight = heard.pod(&pods[0]).1.gate().try_admit().unwrap();
    let started = Instant::now();
    tokio::join!(platform.shutdown(), async {
        sleep(Duration::from_secs(7)).await;
        drop(in_flight);
    });
    let took = Instant::now() - started;
    assert!(took >= Duration::from_secs(7) && took < Duration::from_secs(8), "{took:?}");
    assert_eq!(heard.pods(PodState::Gone).len(), 2);
    assert!(matches!(platform.scale(&id(), 1).await, Err(PlatformError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_pod_in_memory_answers_http_until_it_crashes() {
    let (heard, network) = (Heard::default(), MemoryNetwork::default());
    let app = App::sleeping(Start::ListensAfter(MS), 20 * MS);
    let workloads = vec![(workload(|_, _| {}), app)];
    let platform = MemoryPlatform::new(network.clone(), Clock::start(), heard.on_pod(), workloads);
    platform.scale(&id(), 1).await.unwrap();
    let name = heard.until(PodState::Ready, 1).await.remove(0);
    let address = heard.pod(&name).0.address;
    let (asked, mut answer) = (Instant::now(), String::new());
    let mut stream = Network::Memory(network.clone()).connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.unwrap();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello\n"), "{answer}");
    assert_eq!((Instant::now() - asked).as_millis() / 10, 2);
    let mut cut = Network::Memory(network.clone()).connect(address).await.unwrap();
    cut.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    sleep(5 * MS).await;
    platform.crash(&name);
    assert_eq!(cut.read(&mut [0; 64]).await.unwrap(), 0, "cut without a byte of an answer");
    assert!(Network::Memory(network).connect(address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn calls_are_recorded_with_their_time_and_can_be_refused() {
    let (platform, heard) = platform(Start::ListensAfter(MS), |_, _| {});
    platform.route(&id(), Route::Pods).await.unwrap();
    advance(Duration::from_secs(2)).await;
    platform.refuse(Some("out of order"));
    assert_eq!(platform.scale(&id(), 1).await.unwrap_err().to_string(), "out of order");
    assert!(heard.pods(PodState::Starting).is_empty());
    let call = |seconds, wish| Call { at: Time::from_secs_f64(seconds), workload: id(), wish };
    assert_eq!(platform.calls(), [call(0.0, Wish::Route(Route::Pods)), call(2.0, Wish::Scale(1))]);
    let stranger = "stranger".parse().unwrap();
    platform.refuse(None);
    assert_eq!(platform.scale(&stranger, 1).await.unwrap_err().to_string(), "no workload default/Deployment/stranger");
}
