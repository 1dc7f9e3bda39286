//! Bounds, the way to zero, the active condition, counting.

use std::cell::Cell;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use autoscaler::activity::{Activity, is_initialized, next_activity};
use autoscaler::decide::Reachability;
use autoscaler::pods::PodCounts;
use autoscaler::scale::{activators, scale};
use autoscaler::to_zero::{Seen, ToZero};
use config::{Mode, Pod, PodId, PodState, Policy, Time, WorkloadId};
use serde::Deserialize;

use crate::decisions::burst_capacity;

#[derive(Deserialize)]
pub(crate) struct Scaler {
    deployment_replicas: u32,
    decider_desired: i64,
    #[serde(default)]
    min_scale: u32,
    #[serde(default)]
    max_scale: u32,
    initial_scale_annotation: Option<String>,
    #[serde(default)]
    scale_target_initialized: bool,
    #[serde(default)]
    disable_scale_to_zero: bool,
    reachability: String,
    pa_active_condition: String,
    in_condition_for_s: f64,
    window_annotation: Option<String>,
    retention_annotation: Option<String>,
    #[serde(default)]
    config_retention_s: u64,
    sks_activator_endpoints_populated_for_s: Option<u64>,
    tbc_annotation: Option<String>,
    activator_probe: String,
    expect_returned_scale: i64,
    expect_patched_replicas: Option<u32>,
    expect_requeue_after_s: Vec<f64>,
    expect_async_probe_offers: u32,
    expect_sync_probe_calls: u32,
}

impl Scaler {
    /// The settings the group was recorded with, and the vector's own.
    fn policy(&self) -> Policy {
        let window = self.window_annotation.as_deref().map_or(300, seconds);
        let retention = self.retention_annotation.as_deref().map_or(self.config_retention_s, seconds);
        Policy {
            stable_window: Duration::from_secs(window),
            grace_period: Duration::from_secs(60),
            progress_deadline: Duration::from_secs(121),
            retention: Duration::from_secs(retention),
            burst_capacity: burst_capacity(self.tbc_annotation.as_deref().map_or(200.0, number)),
            min_scale: self.min_scale,
            max_scale: self.max_scale,
            initial_scale: self.initial_scale_annotation.as_deref().map_or(1, number),
            scale_to_zero: !self.disable_scale_to_zero,
            mode: Mode::Knative,
            ..Policy::default()
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            activity: match self.pa_active_condition.as_str() {
                "True" => Activity::Active,
                "False" => Activity::Inactive,
                _ => Activity::Activating,
            },
            activity_for: Duration::from_secs_f64(self.in_condition_for_s),
            initialized: self.scale_target_initialized,
            reachability: match self.reachability.as_str() {
                "Unreachable" => Reachability::Unreachable,
                _ => Reachability::Reachable,
            },
            in_path: self.sks_activator_endpoints_populated_for_s.is_some(),
            in_path_for: Duration::from_secs(self.sks_activator_endpoints_populated_for_s.unwrap_or(0)),
            open: 0,
        }
    }
}

/// Whole seconds of `45s` or `0`.
fn seconds(text: &str) -> u64 {
    number(text.trim_end_matches('s'))
}

fn number<T: FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

pub(crate) fn scaler(vector: Scaler) {
    let probes = Cell::new(0);
    let desired = u32::try_from(vector.decider_desired).ok();
    let wanted = scale(&vector.policy(), desired, &vector.seen(), || {
        probes.set(probes.get() + 1);
        vector.activator_probe == "ok"
    });
    assert_eq!(wanted.pods.map_or(-1, i64::from), vector.expect_returned_scale, "{wanted:?}");
    assert_eq!(wanted.write(Some(vector.deployment_replicas)), vector.expect_patched_replicas, "{wanted:?}");
    let again: Vec<f64> = wanted.again.iter().map(Duration::as_secs_f64).collect();
    assert_eq!(again, vector.expect_requeue_after_s, "{wanted:?}");
    assert_eq!(probes.get(), vector.expect_sync_probe_calls, "probes");
    // Knative goes on probing in the background; here the evidence is an event.
    let waits_for_evidence = wanted.to_zero == ToZero::Unproven;
    assert_eq!(u32::from(waits_for_evidence), vector.expect_async_probe_offers, "{wanted:?}");
}

#[derive(Deserialize)]
pub(crate) struct Activators {
    ready: u32,
    total: f64,
    tbc: f64,
    activator_capacity: f64,
    expect: u32,
}

pub(crate) fn num_activators(vector: Activators) {
    let policy = Policy {
        total: vector.total,
        burst_capacity: burst_capacity(vector.tbc),
        activator_capacity: vector.activator_capacity,
        mode: Mode::Knative,
        ..Policy::default()
    };
    assert_eq!(activators(&policy, vector.ready), vector.expect);
}

#[derive(Deserialize)]
pub(crate) struct ActiveCondition {
    want: i64,
    ready: u32,
    min_scale: u32,
    initial_scale: u32,
    active: String,
    initialized: bool,
    service_name_set: bool,
    expect_active: String,
    expect_reason: String,
    expect_initialized: bool,
}

fn activity(status: &str) -> Activity {
    match status {
        "Unknown" => Activity::Activating,
        "True" => Activity::Active,
        "False" => Activity::Inactive,
        other => panic!("no status {other}"),
    }
}

pub(crate) fn active_condition(vector: ActiveCondition) {
    let policy = Policy {
        min_scale: vector.min_scale,
        initial_scale: vector.initial_scale,
        mode: Mode::Knative,
        ..Policy::default()
    };
    let wanted = u32::try_from(vector.want).ok();
    let current = activity(&vector.active);
    let next = next_activity(&policy, wanted, vector.ready, current, vector.initialized);
    let (status, reason) = match next {
        Activity::Activating => ("Unknown", "Queued"),
        Activity::Active => ("True", ""),
        Activity::Inactive => ("False", "NoTraffic"),
        Activity::TimedOut => ("False", "TimedOut"),
    };
    assert_eq!(status, vector.expect_active);
    match vector.expect_reason.as_str() {
        "(unchanged)" => assert_eq!(next, current),
        expected => assert_eq!(reason, expected),
    }
    // A workload always has a name here; in Knative one without cannot have reached its initial-scale.
    let reached = vector.service_name_set && is_initialized(&policy, vector.ready, vector.initialized);
    assert_eq!(vector.initialized || reached, vector.expect_initialized);
}

#[derive(Deserialize)]
pub(crate) struct PodCounting {
    phase: String,
    deleting: bool,
    ready: bool,
    expect: Vec<String>,
}

impl PodCounting {
    /// How a platform is to announce such a pod.
    fn pod(&self) -> Pod {
        let placed = SocketAddr::from(([10, 0, 0, 1], 8012));
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let (state, address) = match (self.phase.as_str(), self.deleting, self.ready) {
            ("Pending", _, _) => (PodState::Starting, nowhere),
            ("Running", true, _) => (PodState::Draining, placed),
            ("Running", false, true) => (PodState::Ready, placed),
            ("Running", false, false) => (PodState::Starting, placed),
            _ => (PodState::Gone, nowhere),
        };
        Pod {
            id: PodId::new("pod-1"),
            workload: WorkloadId::new("default", "Deployment", "hello"),
            address,
            state,
            has_queue_proxy: true,
            created: Time::ZERO,
        }
    }
}

pub(crate) fn pod_counting(vector: PodCounting) {
    let counts: PodCounts = [&vector.pod()].into_iter().collect();
    let expected = |word: &str| u32::from(vector.expect.iter().any(|counter| counter == word));
    assert_eq!(counts.ready, expected("ready"));
    assert_eq!(counts.not_ready(), expected("notReady"));
    assert_eq!(counts.pending, expected("pending"));
    assert_eq!(counts.draining, expected("terminating"));
}
