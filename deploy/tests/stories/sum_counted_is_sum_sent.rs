//! The sum counted is the sum sent, whatever becomes of a request.
//!
//! In virtual time everything that is not a wait takes no time at all: a request is admitted in the instant in which
//! its client sends it, and its place is free in the instant in which the client has the last byte, or leaves. So the
//! laws are exact, to the nanosecond and to the request:
//!
//! 1. The sum of `concurrency_ns` over all reports of all counters is the sum, over all clients, of the time from sending
//!    to the last byte (of an error, too) or to leaving. Held or forwarded, and on its way back from a pod that refused
//!    it, a request is in one counter at every moment; probes are in none.
//! 2. The sum of `arrived` is one for each request sent, less those whose client left while it was held: a pod whose
//!    connection was refused takes the arrival back when the request is tried again. The app sees at most that many: a
//!    client may leave in the very instant in which it is admitted.
//! 3. Afterwards nothing is held, open or in a gate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use config::link::{Reporter, Up};
use config::{PodState, Policy, Serving};
use deploy::memory::{App, Start};
use http::Response;
use http_body_util::Full;
use proptest::prelude::*;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clients::Answer;
use crate::system::{MS, SECOND, System};

/// One client.
#[derive(Clone, Debug)]
struct Visit {
    /// When it asks, in milliseconds.
    at: u64,
    /// What the app needs, in milliseconds.
    needs: u64,
    /// After how many milliseconds it leaves, if it has no answer by then.
    patience: Option<u64>,
}

/// What becomes of a pod.
#[derive(Clone, Debug)]
struct Mishap {
    /// When it takes no more connections, in milliseconds.
    at: u64,
    /// How much later it crashes.
    crashes_after: u64,
}

/// In one of two rushes, between which the pods go.
fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..4_000, 20_000_u64..24_000]
}

fn visit() -> impl Strategy<Value = Visit> {
    let patience = prop_oneof![Just(None), (1_u64..1_500).prop_map(Some)];
    (moment(), 0_u64..2_000, patience).prop_map(|(at, needs, patience)| Visit { at, needs, patience })
}

fn mishap() -> impl Strategy<Value = Mishap> {
    (moment(), 0_u64..1_000).prop_map(|(at, crashes_after)| Mishap { at, crashes_after })
}

/// How one client fared.
struct Stay {
    spent: Duration,
    answer: Option<Answer>,
}

/// Pods come, go, refuse and crash; a few of them, so that requests are held as well as forwarded.
fn system(seen: Arc<AtomicU64>, container_concurrency: u32) -> System {
    let policy = Policy {
        stable_window: 6 * SECOND,
        panic_window: SECOND,
        grace_period: SECOND,
        total: 5.0,
        target: 3.5,
        max_scale: 3,
        ..Policy::default()
    };
    let app = App::new(Start::ListensAfter(200 * MS), move |request| {
        seen.fetch_add(1, Relaxed);
        let needs = request.uri().path().trim_start_matches('/').parse().expect("a number of milliseconds");
        async move {
            sleep(Duration::from_millis(needs)).await;
            Response::new(Full::<Bytes>::from("done"))
        }
    });
    System::of_one(policy, Serving { container_concurrency, ..Serving::default() }, app)
}

async fn stay(system: &System, begin: Instant, visit: Visit) -> Stay {
    sleep_until(begin + Duration::from_millis(visit.at)).await;
    let sent = Instant::now();
    let asking = system.asking("hello.localhost", &format!("/{}", visit.needs));
    let answer = match visit.patience {
        Some(patience) => timeout(Duration::from_millis(patience), asking).await.ok(),
        None => Some(asking.await),
    };
    Stay { spent: Instant::now() - sent, answer }
}

async fn befall(system: &System, begin: Instant, mishap: Mishap) {
    sleep_until(begin + Duration::from_millis(mishap.at)).await;
    let Some((pod, address)) = system.pods(PodState::Ready).into_iter().next() else { return };
    system.refuse_connections(address);
    sleep(Duration::from_millis(mishap.crashes_after)).await;
    system.platform.crash(&pod);
}

/// The sums of `concurrency_ns` and `arrived` over everything reported, and the `arrived` of activators.
fn sums(frames: &[Up]) -> (u64, u64, u64) {
    let (mut concurrency, mut arrived, mut by_activator) = (0, 0, 0);
    for frame in frames {
        if let Up::Report { reporter, report, .. } = frame {
            concurrency += report.concurrency_ns;
            arrived += report.arrived;
            if let Reporter::Activator(_) = reporter {
                by_activator += report.arrived;
            }
        }
    }
    (concurrency, arrived, by_activator)
}

async fn run(visits: Vec<Visit>, mishaps: Vec<Mishap>, container_concurrency: u32) -> Result<(), TestCaseError> {
    let seen = Arc::new(AtomicU64::new(0));
    let system = system(Arc::clone(&seen), container_concurrency);
    let (begin, sent) = (Instant::now(), visits.len() as u64);
    let stays = futures_util::future::join_all(visits.into_iter().map(|visit| stay(&system, begin, visit)));
    let befalls = futures_util::future::join_all(mishaps.iter().map(|mishap| befall(&system, begin, mishap.clone())));
    let (stays, _) = tokio::join!(stays, befalls);
    sleep(30 * SECOND).await; // the last reports

    let counts = system.snapshot().counts;
    let spent: u128 = stays.iter().map(|stay| stay.spent.as_nanos()).sum();
    let (concurrency, arrived, by_activator) = sums(&system.frames());
    prop_assert_eq!(u128::from(concurrency), spent, "{:?}", counts);
    prop_assert_eq!(counts.arrived, sent);
    prop_assert_eq!(arrived, sent - counts.left, "{:?}", counts);
    prop_assert_eq!(by_activator, 0, "where there are queue-proxies they count arrivals");
    let seen = seen.load(Relaxed);
    prop_assert!(seen <= sent - counts.left, "the app saw {} of {}: {:?}", seen, sent, counts);
    if mishaps.is_empty() {
        prop_assert_eq!(counts.retried, 0);
        let answers: Vec<_> = stays.iter().filter_map(|stay| stay.answer.as_ref()).collect();
        prop_assert!(answers.iter().all(|answer| answer.status == 200));
        prop_assert!(answers.len() as u64 <= seen && seen <= arrived);
    }
    system.assert_nothing_is_counted();
    Ok(())
}

fn in_virtual_time(story: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(story)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_clients_that_stay_and_that_leave(
        visits in prop::collection::vec(visit(), 1..60),
        container_concurrency in 0_u32..4,
    ) {
        in_virtual_time(run(visits, Vec::new(), container_concurrency))?;
    }

    #[test]
    fn with_pods_that_refuse_and_crash_as_well(
        visits in prop::collection::vec(visit(), 1..60),
        mishaps in prop::collection::vec(mishap(), 1..8),
        container_concurrency in 0_u32..4,
    ) {
        in_virtual_time(run(visits, mishaps, container_concurrency))?;
    }
}
