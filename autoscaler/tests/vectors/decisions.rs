//! Sequences of decisions, and what is known before the first.

use std::time::Duration;

use autoscaler::decide::{Averages, Observation, Reachability, State, decide, initial_excess_burst};
use autoscaler::scale::route;
use config::{BurstCapacity, Metric, Mode, Policy, Route, Time};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Spec {
    metric: String,
    target: f64,
    total: f64,
    tbc: f64,
    panic_threshold: f64,
    max_scale_up_rate: f64,
    max_scale_down_rate: f64,
    stable_window_s: u64,
    scale_down_delay_s: u64,
    reachable: bool,
    activation_scale: u32,
}

impl Spec {
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            mode: Mode::Knative,
            metric: if self.metric == "rps" { Metric::Rps } else { Metric::Concurrency },
            target: self.target,
            total: self.total,
            burst_capacity: burst_capacity(self.tbc),
            panic_threshold: self.panic_threshold,
            max_scale_up_rate: self.max_scale_up_rate,
            max_scale_down_rate: self.max_scale_down_rate,
            stable_window: Duration::from_secs(self.stable_window_s),
            scale_down_delay: Duration::from_secs(self.scale_down_delay_s),
            activation_scale: self.activation_scale,
            ..Policy::default()
        }
    }

    fn reachability(&self) -> Reachability {
        if self.reachable { Reachability::Reachable } else { Reachability::Unreachable }
    }
}

pub(crate) fn burst_capacity(tbc: f64) -> BurstCapacity {
    if tbc == -1.0 { BurstCapacity::Unlimited } else { BurstCapacity::Of(tbc) }
}

#[derive(Deserialize)]
pub(crate) struct ScaleCalls {
    spec: Spec,
    ready_pods_at_creation: u32,
    steps: Vec<ScaleCall>,
}

#[derive(Deserialize)]
struct ScaleCall {
    t_s: f64,
    ready_pods: u32,
    stable: f64,
    panic: f64,
    update_spec_before: Option<Spec>,
    metric_error: Option<String>,
    pod_count_error: Option<String>,
    expect_desired: u32,
    expect_ebc: i64,
    expect_valid: bool,
    expect_panicking: bool,
    expect_panic_time_s: Option<f64>,
    expect_max_panic_pods: u32,
}

impl ScaleCall {
    fn observation(&self, spec: &Spec) -> Observation {
        let ready = match self.pod_count_error.as_deref() {
            None => Some(self.ready_pods),
            Some("not_found") => Some(0),
            Some(_) => None,
        };
        let averages = Averages { stable: self.stable, panic: self.panic };
        let load = self.metric_error.is_none().then_some(averages);
        Observation { ready, load, reachability: spec.reachability(), ..Observation::default() }
    }
}

/// Vectors start at 0; an even whole second, so that slots of 2 s are cut alike.
fn at(t_s: f64) -> Time {
    Time::from_secs_f64(1_000.0 + t_s)
}

pub(crate) fn scale_calls(vector: ScaleCalls) {
    let mut spec = vector.spec;
    let mut state = State::new(&spec.policy(), vector.ready_pods_at_creation, at(0.0));
    for (index, mut call) in vector.steps.into_iter().enumerate() {
        if let Some(update) = call.update_spec_before.take() {
            spec = update;
        }
        let verdict = decide(&spec.policy(), &call.observation(&spec), &mut state, at(call.t_s));
        assert_eq!(verdict.is_ok(), call.expect_valid, "step {index}");
        let (desired, ebc) = verdict.map_or((0, 0), |verdict| (verdict.outcome.desired, verdict.outcome.excess_burst));
        assert_eq!(desired, call.expect_desired, "step {index}: desired");
        assert!((ebc - call.expect_ebc).abs() <= 1, "step {index}: {ebc} is not {}", call.expect_ebc);
        assert_eq!(state.panic_since().is_some(), call.expect_panicking, "step {index}: panicking");
        assert_eq!(state.panic_since(), call.expect_panic_time_s.map(at), "step {index}: panic time");
        assert_eq!(state.max_panic_pods(), call.expect_max_panic_pods, "step {index}: most pods in panic");
        if let Ok(verdict) = verdict {
            let decision = verdict.decision();
            assert_eq!(decision.reasons.last().map(|reason| reason.pods), Some(desired), "step {index}: {decision:?}");
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct InitialStatus {
    tbc: f64,
    initial_scale: u32,
    total: f64,
    expect_initial_desired: i64,
    expect_initial_ebc: i64,
}

pub(crate) fn initial_status(vector: InitialStatus) {
    let policy = Policy {
        burst_capacity: burst_capacity(vector.tbc),
        initial_scale: vector.initial_scale,
        total: vector.total,
        ..Policy::default()
    };
    assert_eq!(initial_excess_burst(&policy), vector.expect_initial_ebc);
    // −1 is Knative's word for a number not known yet; before a decision there is none here.
    assert_eq!(vector.expect_initial_desired, -1);
}

#[derive(Deserialize)]
pub(crate) struct SameSign {
    a: i64,
    b: i64,
    expect_same: bool,
}

/// The sign is what the route of a workload with pods hangs on.
pub(crate) fn same_sign(vector: SameSign) {
    assert_eq!(route(Some(1), vector.a) == route(Some(1), vector.b), vector.expect_same);
}

#[derive(Deserialize)]
pub(crate) struct SksMode {
    want: i64,
    ebc: i64,
    expect_sks_mode: String,
}

pub(crate) fn sks_mode(vector: SksMode) {
    let mode = match route(u32::try_from(vector.want).ok(), vector.ebc) {
        Route::Activator => "Proxy",
        Route::Pods => "Serve",
    };
    assert_eq!(mode, vector.expect_sks_mode);
}
