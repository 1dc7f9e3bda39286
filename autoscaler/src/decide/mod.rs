//! How many pods a load needs: Knative's algorithm (`pkg/autoscaler/scaling/autoscaler.go`), to the number, and the
//! steps in which the default mode departs from it.
//!
//! Each step is a function: Knative's in `knative`, ours in `departures`. [`decide`] shows their order. A departure that
//! the policy does not take changes nothing, so that with none of them taken Knative's numbers come out.
//!
//! Bounds (min-, max-, initial-scale) and the way to zero are not here but in [`crate::scale`], as they are not in
//! Knative's: what is decided here may exceed max-scale, and panic is judged by it.

mod departures;
mod knative;

use std::time::Duration;

use config::{BurstCapacity, Decision, Departure, Policy, Route, Time};

use self::departures::Jump;
use self::knative::{Rates, Want};
use crate::max_window::MaxWindow;
use crate::reasons::{Step, Trail};
use crate::scale::route;

pub use knative::initial_excess_burst;

/// Time between two decisions about one workload. Rates and scale-down-delay count in it, so it is no setting.
pub const TICK: Duration = Duration::from_secs(2);

/// What is known at the moment of a decision.
///
/// Knative's algorithm looks at the first three; the departures from it look at the others, too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// Ready pods; none when they cannot be told.
    pub ready: Option<u32>,
    /// The windows' averages; none when there is no data, which is not the same as no load.
    pub load: Option<Averages>,
    /// Whether requests can come at all.
    pub reachability: Reachability,
    /// Requests in flight at this moment, waiting ones included; none when that is not what is measured.
    pub in_flight: Option<f64>,
    /// Pods that the platform has been asked for.
    pub asked: u32,
    /// Pods that are starting and not overdue.
    pub coming: u32,
    /// Requests that wait for those pods, and that `load` and `in_flight` therefore leave out.
    pub lined_up: u64,
    /// Reporters of which nothing is known though they have something to count.
    pub silent: u32,
    /// What must stay while the autoscaler has not watched for long enough.
    pub fresh: Option<Fresh>,
}

/// What an autoscaler found that has not watched a workload for long enough to lower it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The pods there were when it first saw the workload.
    pub pods: u32,
    /// Whole seconds until it has watched for a stable window.
    pub rest: u32,
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
    /// What was asked for because of what was in flight at one moment.
    jump: Option<Jump>,
    /// A panic or a jump is over, and the stable window has not caught up with the panic window yet.
    descending: bool,
}

impl State {
    /// The state of a workload that is first decided about at `now`, with `ready` pods. More than one start it in
    /// panic, so that a new autoscaler lowers nothing before it has seen a stable window; `fresh-start` does that
    /// without a panic.
    pub fn new(policy: &Policy, ready: u32, now: Time) -> State {
        let delay = delay_window(policy.scale_down_delay);
        let (panic_since, max_panic_pods) = match policy.takes(Departure::FreshStart) {
            true => (None, 0),
            false => ((ready > 1).then_some(now), ready),
        };
        State { panic_since, max_panic_pods, delay, jump: None, descending: false }
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

    departures::note_burst(policy, observation, state, now);
    let carriers = departures::panic_carriers(policy, observation, state, &rates);
    let was_panicking = state.panic_since.is_some();
    let panicking = knative::enter_or_leave_panic(policy, state, panic.unlimited / f64::from(carriers), now);
    let mut desired = if panicking {
        let leading = if panic.pods > stable.pods { panic } else { stable };
        leading.tell(&mut trail);
        departures::decay_panic(policy, state, leading.pods, &mut trail);
        knative::hold_in_panic(policy, state, &leading, &panic, ready, &mut trail)
    } else {
        stable.tell(&mut trail);
        if was_panicking {
            trail.push(Step::PanicLeft { pods: stable.pods });
        }
        departures::floor_descent(policy, state, was_panicking, &stable, &panic, &mut trail)
    };
    desired = departures::step_up(state, desired, &mut trail);
    desired = departures::fall_from_floor(policy, &stable, &panic, desired, &mut trail);
    if observation.reachability == Reachability::Reachable {
        desired = knative::delay_scale_down(policy, state, desired, now, &mut trail);
        desired = departures::hold(policy, observation, desired, &mut trail);
    }
    Ok(verdict(policy, observation, desired, load, ready, panicking, trail))
}

/// What a report asks for that cannot wait for the next tick: more pods, because more is in flight than all pods can
/// carry (`burst-step`). Never fewer than are asked for; none when there is nothing to do at once.
pub fn raise(policy: &Policy, observation: &Observation, state: &mut State, now: Time) -> Option<Verdict> {
    let (ready, load) = (observation.ready?, observation.load?);
    departures::note_burst(policy, observation, state, now);
    let jump = state.jump.as_ref().filter(|jump| jump.pods > observation.asked)?;
    let desired = jump.pods;
    let mut trail = Trail::EMPTY;
    trail.push(jump.step());
    Some(verdict(policy, observation, desired, load, ready, state.panic_since.is_some(), trail))
}

fn verdict(
    policy: &Policy,
    observation: &Observation,
    desired: u32,
    load: Averages,
    ready: u32,
    panicking: bool,
    mut trail: Trail,
) -> Verdict {
    let load_now = departures::load_now(policy, observation, load);
    let excess_burst = knative::excess_burst(policy, ready, load_now);
    if let BurstCapacity::Of(_) = policy.burst_capacity {
        let (total, at_once) = (policy.total, load_now > load.panic);
        let step = Step::BurstCapacity { excess: excess_burst, ready, total, load: load_now, at_once, pods: desired };
        trail.push(step);
    }
    let route = route(Some(desired), excess_burst);
    Verdict { outcome: Outcome { desired, route, excess_burst, load, ready, panicking }, trail }
}

/// What is left of the burst capacity by what is in flight now, if that is more than the panic window says.
pub fn excess_burst_now(policy: &Policy, observation: &Observation) -> Option<i64> {
    let (ready, load) = (observation.ready?, observation.load?);
    Some(knative::excess_burst(policy, ready, departures::load_now(policy, observation, load)))
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
