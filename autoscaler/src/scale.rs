//! From the desired number of pods to what the platform is asked for: bounds, and the way to zero. Knative's
//! `pkg/reconciler/autoscaling/kpa/scaler.go`.

use std::time::Duration;

use config::{BurstCapacity, Departure, Policy, Route};

use crate::activity::Activity;
use crate::decide::Reachability;
use crate::reasons::Step;
use crate::to_zero::{Seen, ToZero, to_zero};

/// Activators that are in the path of a workload at least, so that one may fail.
const FEWEST_ACTIVATORS: u32 = 2;

/// What is wanted of the platform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// How many pods are wanted; none is unknown.
    pub pods: Option<u32>,
    /// How many the platform is to have now; none leaves it as it is.
    pub asks: Option<u32>,
    /// When to look again if nothing happens.
    pub again: Option<Duration>,
    /// Where the workload is on its way to zero.
    pub to_zero: ToZero,
    /// The bound that changed the number.
    pub(crate) bound: Option<Step>,
}

impl Wanted {
    /// How many pods to ask for, if the platform, which was asked for `replicas` (none: not known), does not have
    /// that number anyway.
    pub fn write(&self, replicas: Option<u32>) -> Option<u32> {
        self.asks.filter(|&pods| replicas != Some(pods))
    }
}

/// What to ask the platform for when `desired` pods are desired (none: not known yet). `activator_answers` as in
/// [`to_zero`].
pub fn scale(policy: &Policy, desired: Option<u32>, seen: &Seen, activator_answers: impl FnOnce() -> bool) -> Wanted {
    if desired.is_none() && seen.activity != Activity::Activating {
        return Wanted { pods: None, asks: None, again: None, to_zero: ToZero::Awake, bound: None };
    }
    let (bounded, bound) = within_bounds(policy, desired, seen.initialized, seen.reachability);
    if bounded.is_some_and(|pods| pods > 0) {
        let (pods, floor) = above_floor(policy, bounded);
        return Wanted { pods, asks: pods, again: None, to_zero: ToZero::Awake, bound: floor.or(bound) };
    }
    let state = to_zero(policy, seen, activator_answers);
    let (pods, bound) = above_floor(policy, state.pods());
    let asks = pods.filter(|_| state.is_applied());
    Wanted { pods, asks, again: state.again(), to_zero: state, bound }
}

/// `activation-floor`: no scale between zero and activation-scale.
fn above_floor(policy: &Policy, wanted: Option<u32>) -> (Option<u32>, Option<Step>) {
    let floor = policy.activation_scale;
    let lies_between = wanted.is_some_and(|pods| 0 < pods && pods < floor);
    if !lies_between || !policy.takes(Departure::ActivationFloor) {
        return (wanted, None);
    }
    (Some(floor), Some(Step::ActivationFloor { pods: floor }))
}

/// `desired` within min-, initial- and max-scale. The lower bound is looked at first: an initial-scale above max-scale
/// wins, as in Knative.
pub(crate) fn within_bounds(
    policy: &Policy,
    desired: Option<u32>,
    initialized: bool,
    reachability: Reachability,
) -> (Option<u32>, Option<Step>) {
    let initial = if initialized || policy.initial_scale <= 1 { 0 } else { policy.initial_scale };
    let (min, initial) = match reachability {
        Reachability::Reachable => (policy.min_scale, initial),
        Reachability::Unreachable => (0, 0),
    };
    let least = min.max(initial);
    match desired {
        wanted if least > 0 && wanted.is_none_or(|pods| pods < least) => {
            let pods = least;
            let step = if initial > min { Step::InitialScale { pods } } else { Step::MinScale { pods } };
            (Some(pods), Some(step))
        }
        Some(wanted) if policy.max_scale > 0 && wanted > policy.max_scale => {
            (Some(policy.max_scale), Some(Step::MaxScale { wanted, pods: policy.max_scale }))
        }
        within => (within, None),
    }
}

/// Whether the activator must be in the path, when `wanted` pods are wanted (none: unknown) and that much burst
/// capacity is left.
pub fn route(wanted: Option<u32>, excess_burst: i64) -> Route {
    match wanted {
        Some(pods) if pods > 0 && excess_burst >= 0 => Route::Pods,
        _ => Route::Activator,
    }
}

/// How many activators should be in the path: enough for what the ready pods carry and the burst on top of it.
pub fn activators(policy: &Policy, ready: u32) -> u32 {
    let burst = match policy.burst_capacity {
        BurstCapacity::Of(0.0) => return FEWEST_ACTIVATORS,
        BurstCapacity::Of(wanted) => wanted,
        BurstCapacity::Unlimited => 0.0,
    };
    let capacity = f64::from(ready) * policy.total + burst;
    ((capacity / policy.activator_capacity).ceil() as u32).max(FEWEST_ACTIVATORS)
}
