//! What Knative's own code computes, against ours. `ROUSE_VECTORS_KNATIVE` names another file of the same form.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::pin::Pin;

use config::{Report, Time};
use futures_util::FutureExt;
use queue_proxy::{Admission, Clock, Counter, Gate, LineFull};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    groups: Groups,
}

#[derive(Deserialize)]
struct Groups {
    request_stats: Group<Stats>,
    breaker: Group<Breaker>,
}

#[derive(Deserialize)]
struct Group<V> {
    vectors: Vec<V>,
}

#[derive(Deserialize)]
struct Stats {
    id: String,
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    t: f64,
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "expect_avgconc_avgproxied_count_proxiedcount")]
    expected: Option<[f64; 4]>,
}

#[derive(Debug, Deserialize)]
struct Breaker {
    queue_depth: usize,
    max_concurrency: usize,
    initial_capacity: usize,
    simultaneous_requests: usize,
    expect_running: usize,
    expect_waiting: usize,
    expect_rejected_immediately: usize,
    then_update_capacity_to: u32,
    expect_running_after_update: usize,
}

fn vectors() -> Groups {
    let text = match std::env::var("ROUSE_VECTORS_KNATIVE") {
        Ok(path) => std::fs::read_to_string(path).unwrap(),
        Err(_) => include_str!("../../config/tests/vectors/knative.json").to_owned(),
    };
    serde_json::from_str::<Vectors>(&text).unwrap().groups
}

/// A counter, read as Knative's statistics are: averages since the last report.
struct Reader {
    counter: Counter,
    since: Time,
}

impl Reader {
    fn read(&mut self, now: Time) -> (f64, f64) {
        let mut reports: Vec<Report> = Vec::new();
        self.counter.take(now, true, &mut reports);
        let area: u64 = reports.iter().map(|report| report.concurrency_ns).sum();
        let arrived: u64 = reports.iter().map(|report| report.arrived).sum();
        let interval = now.since(self.since).as_nanos();
        self.since = now;
        let average = if interval == 0 { 0.0 } else { area as f64 / interval as f64 };
        (average, arrived as f64)
    }
}

#[test]
fn request_stats() {
    let vectors = vectors().request_stats.vectors;
    let mut reports = 0;
    for vector in &vectors {
        let start = Time::ZERO;
        // Knative counts all requests, and once more those that an activator sent.
        let [mut all, mut proxied] = [(); 2].map(|()| Reader { counter: Counter::new(start), since: start });
        for event in &vector.events {
            let now = Time::from_secs_f64(event.t);
            match event.kind.as_str() {
                "in" => all.counter.arrive(now),
                "out" => all.counter.leave(now),
                "proxied_in" => {
                    all.counter.arrive(now);
                    proxied.counter.arrive(now);
                }
                "proxied_out" => {
                    all.counter.leave(now);
                    proxied.counter.leave(now);
                }
                "report" => {
                    let ((concurrency, arrived), (concurrency_proxied, arrived_proxied)) =
                        (all.read(now), proxied.read(now));
                    let ours = [concurrency, concurrency_proxied, arrived, arrived_proxied];
                    let theirs = event.expected.unwrap();
                    let same =
                        ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() <= 1e-9 * theirs.max(1.0));
                    assert!(same, "{} at {}: {ours:?} and not {theirs:?}", vector.id, event.t);
                    reports += 1;
                }
                other => panic!("an event called {other}"),
            }
        }
    }
    println!("request_stats: {0}/{0} vectors, {reports} reports", vectors.len());
    assert!(reports >= vectors.len());
}

type Waiter<'a> = Pin<Box<dyn Future<Output = Result<Admission, LineFull>> + 'a>>;

/// Knative bounds all who are inside (queue depth + largest concurrency), ours those who wait: the places left for
/// waiting are that bound less the capacity. Ours has no gate of capacity 0, so there one slot is taken by nobody.
#[tokio::test(start_paused = true)]
async fn breaker() {
    let vectors = vectors().breaker.vectors;
    for vector in &vectors {
        let places = vector.queue_depth + vector.max_concurrency - vector.initial_capacity;
        let gate = Gate::with_line(vector.initial_capacity.max(1) as u32, places, Clock::start());
        let nobody = (vector.initial_capacity == 0).then(|| gate.try_admit().unwrap());
        let mut inside = Vec::new();
        let mut waiting: Vec<Waiter<'_>> = Vec::new();
        let mut rejected = 0;
        for _ in 0..vector.simultaneous_requests {
            let mut waiter: Waiter<'_> = Box::pin(gate.admit());
            match waiter.as_mut().now_or_never() {
                Some(Ok(admission)) => inside.push(admission),
                Some(Err(LineFull)) => rejected += 1,
                None => waiting.push(waiter),
            }
        }
        let ours = (inside.len(), waiting.len(), rejected);
        let theirs = (vector.expect_running, vector.expect_waiting, vector.expect_rejected_immediately);
        assert_eq!(ours, theirs, "{vector:?}");

        gate.set_slots(vector.then_update_capacity_to);
        drop(nobody);
        assert_eq!(gate.inside().0 as usize, vector.expect_running_after_update, "{vector:?}");
    }
    println!("breaker: {0}/{0} vectors", vectors.len());
    assert!(!vectors.is_empty());
}
