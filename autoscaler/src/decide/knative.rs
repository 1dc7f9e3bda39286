//! The steps of Knative's algorithm, each as `pkg/autoscaler/scaling/autoscaler.go` has it.

use std::time::Duration;

use config::{BurstCapacity, Policy, Time};

use super::{Reachability, State, whole_seconds};
use crate::reasons::{Average, Step, Trail};

/// How far one decision may go from the ready pods.
pub(super) struct Rates {
    /// Ready pods, none counting as one.
    pub(super) ready: u32,
    pub(super) most: f64,
    least: f64,
}

impl Rates {
    pub(super) fn new(policy: &Policy, ready: u32, reachability: Reachability) -> Rates {
        let ready = ready.max(1);
        let least = match reachability {
            Reachability::Reachable => (f64::from(ready) / policy.max_scale_down_rate).floor(),
            Reachability::Unreachable => 0.0,
        };
        Rates { ready, most: (policy.max_scale_up_rate * f64::from(ready)).ceil(), least }
    }
}

/// What one window asks for.
#[derive(Clone, Copy)]
pub(super) struct Want {
    /// Pods before rates.
    pub(super) unlimited: f64,
    /// Pods after rates and activation-scale.
    pub(super) pods: u32,
    window: Step,
    rate: Option<Step>,
    activation: Option<Step>,
}

impl Want {
    pub(super) fn stable(policy: &Policy, rates: &Rates, value: f64) -> Want {
        Want::of(policy, rates, value, policy.stable_window, Step::StableWindow)
    }

    pub(super) fn panic(policy: &Policy, rates: &Rates, value: f64) -> Want {
        Want::of(policy, rates, value, policy.panic_window, Step::PanicWindow)
    }

    fn of(policy: &Policy, rates: &Rates, value: f64, window: Duration, step: fn(Average) -> Step) -> Want {
        let unlimited = (value / policy.target).ceil();
        let limited = unlimited.max(rates.least).min(rates.most);
        let ready = rates.ready;
        let rate = if limited < unlimited {
            Some(Step::ScaleUpRate { rate: policy.max_scale_up_rate, ready, pods: limited as u32 })
        } else if limited > unlimited {
            Some(Step::ScaleDownRate { rate: policy.max_scale_down_rate, ready, pods: limited as u32 })
        } else {
            None
        };
        // After the rates: it may exceed what they allow. Not at zero load: it raises, it does not keep awake.
        let activates = policy.activation_scale > 1 && unlimited > 0.0 && f64::from(policy.activation_scale) > limited;
        let pods = if activates { policy.activation_scale } else { limited as u32 };
        let seconds = whole_seconds(window);
        let average = Average { metric: policy.metric, value, seconds, target: policy.target, pods: unlimited as u32 };
        let activation = activates.then_some(Step::ActivationScale { pods });
        Want { unlimited, pods, window: step(average), rate, activation }
    }

    pub(super) fn tell(&self, trail: &mut Trail) {
        for step in [Some(self.window), self.rate, self.activation].into_iter().flatten() {
            trail.push(step);
        }
    }
}

/// Over the threshold panic starts, or starts over; it ends a stable window after the load was last over it.
pub(super) fn enter_or_leave_panic(policy: &Policy, state: &mut State, over: f64, now: Time) -> bool {
    if over >= policy.panic_threshold {
        state.panic_since = Some(now);
    } else if state.panic_since.is_some_and(|since| since + policy.stable_window < now) {
        state.panic_since = None;
        state.max_panic_pods = 0;
    }
    state.panic_since.is_some()
}

/// In panic the number only grows.
pub(super) fn hold_in_panic(
    policy: &Policy,
    state: &mut State,
    leading: &Want,
    panic: &Want,
    ready: u32,
    trail: &mut Trail,
) -> u32 {
    let pods = leading.pods.max(state.max_panic_pods);
    state.max_panic_pods = pods;
    trail.push(Step::Panic {
        wanted: panic.unlimited as u32,
        ready,
        threshold: policy.panic_threshold,
        seconds: whole_seconds(policy.stable_window),
        pods,
    });
    pods
}

/// The largest number of the last scale-down-delay.
pub(super) fn delay_scale_down(policy: &Policy, state: &mut State, desired: u32, now: Time, trail: &mut Trail) -> u32 {
    let Some(delay) = &mut state.delay else { return desired };
    let pods = delay.record(now, desired);
    if pods != desired {
        trail.push(Step::ScaleDownDelay { seconds: whole_seconds(policy.scale_down_delay), pods });
    }
    pods
}

/// `floor(ready × total − target burst capacity − panic average)`: with no ready pod that is less than nothing.
pub(super) fn excess_burst(policy: &Policy, ready: u32, panic: f64) -> i64 {
    match policy.burst_capacity {
        BurstCapacity::Unlimited => -1,
        BurstCapacity::Of(0.0) => 0,
        BurstCapacity::Of(wanted) => (f64::from(ready) * policy.total - wanted - panic).floor() as i64,
    }
}

/// The excess burst capacity before the first decision. Knative truncates here where it later rounds down.
pub fn initial_excess_burst(policy: &Policy) -> i64 {
    match policy.burst_capacity {
        BurstCapacity::Unlimited => -1,
        BurstCapacity::Of(0.0) => 0,
        BurstCapacity::Of(wanted) => (f64::from(policy.initial_scale) * policy.total - wanted) as i64,
    }
}
