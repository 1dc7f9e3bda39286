//! How Knative balances, to the pod: recorded from its code.
//!
//! `ROUSE_VECTORS_KNATIVE` names another file of vectors to check.

use std::time::Duration;

use activator::{Balance, HoldLimits, Picker};
use config::{Mode, Serving};
use serde_json::Value;

use crate::support::Stage;

/// How many vectors of the group pass, and which do not. A file without the group has none.
fn check(group: &str, passes: impl Fn(&Value) -> bool) -> (usize, Vec<Value>) {
    let file = std::env::var("ROUSE_VECTORS_KNATIVE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../config/tests/vectors/knative.json").to_owned());
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let all: Value = serde_json::from_str(&text).expect("vectors are JSON");
    let vectors = all["groups"][group]["vectors"].as_array().cloned().unwrap_or_default();
    let total = vectors.len();
    let failed: Vec<_> = vectors.into_iter().filter(|vector| !passes(vector)).collect();
    (total - failed.len(), failed)
}

fn number(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn policy(value: &Value) -> Balance {
    match text(value) {
        "power-of-two-choices" => Balance::PowerOfTwoChoices,
        "first-available" => Balance::FirstAvailable,
        "round-robin" => Balance::RoundRobin,
        other => panic!("unknown policy {other}"),
    }
}

/// Picks and releases as the vector says; whether every pick is the one expected.
fn sequence(vector: &Value) -> bool {
    let slots = number(&vector["container_concurrency"]) as u32;
    let mut load = vec![0u32; number(&vector["pods"])];
    let mut picker = Picker::new(policy(&vector["policy"]), 1);
    vector["ops"].as_array().expect("a list of steps").iter().all(|op| match text(&op["op"]) {
        "pick" => {
            let pods = number(&op["targets"]);
            let picked = picker.pick(pods, |pod| (load[pod] < slots).then_some(load[pod]));
            if let Some(pod) = picked {
                load[pod] += 1;
            }
            picked.map_or("none".to_owned(), |pod| pod.to_string()) == text(&op["expect"])
        }
        "release" => {
            load[text(&op["release"]).parse::<usize>().expect("a pod")] -= 1;
            true
        }
        other => panic!("unknown step {other}"),
    })
}

#[test]
fn lb_policy_by_concurrency() {
    let (passed, failed) = check("lb_policy_by_concurrency", |vector| {
        let slots = number(&vector["container_concurrency"]) as u32;
        Balance::of(slots, Mode::Knative) == policy(&vector["expect_policy"])
    });
    println!("lb_policy_by_concurrency: {passed}/{}", passed + failed.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn lb_sequences() {
    let (passed, failed) = check("lb_sequences", sequence);
    println!("lb_sequences: {passed}/{}", passed + failed.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

/// All requests of the vector at once, then a change of capacity; whether as many run, wait and are refused as there.
///
/// Knative bounds running and waiting requests together (queue depth + the largest capacity), we those that wait.
async fn crowd(vector: &Value) -> bool {
    let field = |name: &str| number(&vector[name]);
    let (capacity, total) = (field("initial_capacity"), field("queue_depth") + field("max_concurrency"));
    let serving = |slots: usize| Serving { container_concurrency: slots as u32, ..Serving::default() };
    let limits = HoldLimits { requests: total - capacity, ..HoldLimits::default() };
    let mut stage = Stage::with(serving(capacity), limits);
    if capacity > 0 {
        stage.start_pod("one");
    }
    let sent: Vec<_> = (0..field("simultaneous_requests")).map(|_| stage.get(Duration::from_secs(60))).collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let running = |stage: &Stage| stage.snapshot().pods.iter().map(|pod| pod.in_flight as usize).sum::<usize>();
    let before = stage.snapshot();
    let as_expected = running(&stage) == field("expect_running")
        && before.held == field("expect_waiting")
        && before.counts.queue_full as usize == field("expect_rejected_immediately");
    stage.serving = serving(field("then_update_capacity_to"));
    stage.set_workload(&stage.serving);
    if capacity == 0 {
        stage.start_pod("one");
    }
    drop(sent);
    as_expected && running(&stage) == field("expect_running_after_update")
}

#[test]
fn breaker() {
    let (passed, failed) = check("breaker", |vector| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(crowd(vector))
    });
    println!("breaker: {passed}/{}", passed + failed.len());
    assert!(failed.is_empty(), "{failed:#?}");
}
