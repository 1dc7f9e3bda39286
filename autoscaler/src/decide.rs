//! How many pods a load needs: Knative's algorithm (`pkg/autoscaler/scaling/autoscaler.go`), to the number.
//!
//! Bounds (min-, max-, initial-scale) and the way to zero are not here but in [`crate::scale`], as they are not in
//! Knative's: what is decided here may exceed max-scale, and panic is judged by it.

use std::time::Duration;

use config::{BurstCapacity, Decision, Policy, Route, Time};

use crate::max_window::MaxWindow;
use crate::reasons::{Average, Step, Trail};
use crate::scale::route;

/// Time between two decisions about one workload. Rates and scale-down-delay count in it, so it is no setting.
pub const TICK: Duration = Duration::from_secs(2);

/// What is known at the moment of a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Ready pods; none when they cannot be told.
    pub ready: Option<u32>,
    /// The windows' averages; none when there is no data, which is not the same as no load.
    pub load: Option<Averages>,
    /// Whether requests can come at all.
    pub reachability: Reachability,
}

/// The averages over the two windows, in the metric's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Averages {
    /// Over the stable window.
    pub stable: f64,
    /// Over the panic window.
    pub panic: f64,
}

/// Whether any route leads to a workload. Pods that no request can reach are given up without delay or rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reachability {
    /// Requests can come.
    #[default]
    Reachable,
    /// They cannot.
    Unreachable,
}

/// What one decision remembers for the next.
#[derive(Clone, Debug)]
pub struct State {
    panic_since: Option<Time>,
    max_panic_pods: u32,
    delay: Option<MaxWindow>,
}

impl State {
    /// The state of a workload that is first decided about at `now`, with `ready` pods. More than one start it in
    /// panic, so that a new autoscaler lowers nothing before it has seen a stable window.
    pub fn new(policy: &Policy, ready: u32, now: Time) -> State {
        let delay = delay_window(policy.scale_down_delay);
        State { panic_since: (ready > 1).then_some(now), max_panic_pods: ready, delay }
    }

    /// Takes over a changed scale-down-delay, which Knative does not; `desired` is held from now on.
    pub fn set_delay(&mut self, delay: Duration, now: Time, desired: u32) {
        self.delay = delay_window(delay);
        if let Some(window) = &mut self.delay {
            window.record(now, desired);
        }
    }

    /// When the load was last over the panic threshold; none when calm.
    pub fn panic_since(&self) -> Option<Time> {
        self.panic_since
    }

    /// The most pods wanted in this panic.
    pub fn max_panic_pods(&self) -> u32 {
        self.max_panic_pods
    }
}

fn delay_window(delay: Duration) -> Option<MaxWindow> {
    (!delay.is_zero()).then(|| MaxWindow::new(delay, TICK))
}

/// Why nothing can be decided. All stays as it is, a panic included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The number of ready pods is not known.
    PodsUnknown,
    /// There is no data of the load.
    NoData,
}

/// What one decision came to, with the steps that led there: all in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What it came to.
    pub outcome: Outcome,
    /// The steps that shaped it, in order.
    pub(crate) trail: Trail,
}

/// What one decision came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// How many pods there should be.
    pub desired: u32,
    /// Whether the activator must be in the path.
    pub route: Route,
    /// Excess burst capacity, in the metric's unit.
    pub excess_burst: i64,
    /// The averages that it was decided by.
    pub load: Averages,
    /// Pods ready when it was decided.
    pub ready: u32,
    /// Whether the workload is in panic.
    pub panicking: bool,
}

impl Verdict {
    /// The decision with its reasons in words.
    pub fn decision(&self) -> Decision {
        self.outcome.decision(self.trail.iter())
    }
}

impl Outcome {
    /// The decision with `steps` in words.
    pub(crate) fn decision<'a>(&self, steps: impl Iterator<Item = &'a Step>) -> Decision {
        Decision {
            desired: self.desired,
            route: self.route,
            excess_burst: self.excess_burst,
            stable: self.load.stable,
            panic: self.load.panic,
            ready: self.ready,
            panicking: self.panicking,
            reasons: steps.map(Step::reason).collect(),
        }
    }
}

/// Decides how many pods there should be, and whether the burst capacity suffices without the activator.
///
/// # Errors
/// [`Held`] when something needed is not known; `state` is then unchanged.
pub fn decide(policy: &Policy, observation: &Observation, state: &mut State, now: Time) -> Result<Verdict, Held> {
    let ready = observation.ready.ok_or(Held::PodsUnknown)?;
    let load = observation.load.ok_or(Held::NoData)?;
    let rates = Rates::new(policy, ready, observation.reachability);
    let stable = Want::stable(policy, &rates, load.stable);
    let panic = Want::panic(policy, &rates, load.panic);

    let mut trail = Trail::EMPTY;
    let was_panicking = state.panic_since.is_some();
    let panicking = enter_or_leave_panic(policy, state, panic.unlimited / f64::from(rates.ready), now);
    let mut desired = if panicking {
        let leading = if panic.pods > stable.pods { panic } else { stable };
        leading.tell(&mut trail);
        hold_in_panic(policy, state, &leading, &panic, ready, &mut trail)
    } else {
        stable.tell(&mut trail);
        if was_panicking {
            trail.push(Step::PanicLeft { pods: stable.pods });
        }
        stable.pods
    };
    if observation.reachability == Reachability::Reachable {
        desired = delay_scale_down(policy, state, desired, now, &mut trail);
    }
    let excess_burst = excess_burst(policy, ready, load.panic);
    if let BurstCapacity::Of(_) = policy.burst_capacity {
        let (total, panic) = (policy.total, load.panic);
        trail.push(Step::BurstCapacity { excess: excess_burst, ready, total, panic, pods: desired });
    }
    let route = route(Some(desired), excess_burst);
    let outcome = Outcome { desired, route, excess_burst, load, ready, panicking };
    Ok(Verdict { outcome, trail })
}

/// How far one decision may go from the ready pods.
struct Rates {
    /// Ready pods, none counting as one.
    ready: u32,
    most: f64,
    least: f64,
}

impl Rates {
    fn new(policy: &Policy, ready: u32, reachability: Reachability) -> Rates {
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
struct Want {
    /// Pods before rates.
    unlimited: f64,
    /// Pods after rates and activation-scale.
    pods: u32,
    window: Step,
    rate: Option<Step>,
    activation: Option<Step>,
}

impl Want {
    fn stable(policy: &Policy, rates: &Rates, value: f64) -> Want {
        Want::of(policy, rates, value, policy.stable_window, Step::StableWindow)
    }

    fn panic(policy: &Policy, rates: &Rates, value: f64) -> Want {
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

    fn tell(&self, trail: &mut Trail) {
        for step in [Some(self.window), self.rate, self.activation].into_iter().flatten() {
            trail.push(step);
        }
    }
}

/// Over the threshold panic starts, or starts over; it ends a stable window after the load was last over it.
fn enter_or_leave_panic(policy: &Policy, state: &mut State, over: f64, now: Time) -> bool {
    if over >= policy.panic_threshold {
        state.panic_since = Some(now);
    } else if state.panic_since.is_some_and(|since| since + policy.stable_window < now) {
        state.panic_since = None;
        state.max_panic_pods = 0;
    }
    state.panic_since.is_some()
}

/// In panic the number only grows.
fn hold_in_panic(
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
fn delay_scale_down(policy: &Policy, state: &mut State, desired: u32, now: Time, trail: &mut Trail) -> u32 {
    let Some(delay) = &mut state.delay else { return desired };
    let pods = delay.record(now, desired);
    if pods != desired {
        trail.push(Step::ScaleDownDelay { seconds: whole_seconds(policy.scale_down_delay), pods });
    }
    pods
}

/// `floor(ready × total − target burst capacity − panic average)`: with no ready pod that is less than nothing.
fn excess_burst(policy: &Policy, ready: u32, panic: f64) -> i64 {
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

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
