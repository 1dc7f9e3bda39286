//! The steps in which the default mode departs from Knative's algorithm. Each does nothing where the policy does not take
//! it.

use config::{Departure, Policy, Time};

use super::knative::{Rates, Want};
use super::{Averages, Observation, State, TICK, whole_seconds};
use crate::reasons::{Step, Trail};

/// What was asked for because of what was in flight at one moment (`burst-step`). It stands for a panic window after it
/// was last confirmed: until then that window's average cannot tell whether the burst lasts. What it tells then is what
/// the panic maximum remembers; the jump itself is forgotten.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Jump {
    /// How many pods that needs.
    pub(super) pods: u32,
    /// Pods there were before: panic is judged by them, for the jump is an answer to it and must not hide it.
    from: u32,
    in_flight: f64,
    target: f64,
    at: Time,
}

impl Jump {
    /// As a step of a decision.
    pub(super) fn step(&self) -> Step {
        Step::Burst { in_flight: self.in_flight, target: self.target, pods: self.pods }
    }

    fn stands(&self, policy: &Policy, now: Time) -> bool {
        now.since(self.at) < policy.panic_window.max(TICK)
    }
}

/// `burst-step`: more in flight at this moment than all pods can carry, those on their way included, needs pods now. As
/// long as a jump stands, so does whatever is more than they are aimed to carry: a load that climbs is followed.
pub(super) fn note_burst(policy: &Policy, observation: &Observation, state: &mut State, now: Time) {
    if state.jump.as_ref().is_some_and(|jump| !jump.stands(policy, now) || !policy.takes(Departure::BurstStep)) {
        // The panic window says by now how much of it was true.
        state.jump = None;
        state.descending = true;
    }
    let (Some(in_flight), Some(load), Some(ready)) = (observation.in_flight, observation.load, observation.ready)
    else {
        return;
    };
    if !policy.takes(Departure::BurstStep) {
        return;
    }
    let pods = ready + observation.coming;
    let load = in_flight.max(load.panic);
    let bursts = in_flight > f64::from(pods) * policy.total || state.jump.is_some();
    if !bursts || load <= f64::from(pods) * policy.target {
        return;
    }
    let wanted = (load / policy.target).ceil().min((policy.max_scale_up_rate * f64::from(ready.max(1))).ceil()) as u32;
    let from = state.jump.as_ref().map_or(pods, |jump| jump.from);
    let larger = state.jump.take().filter(|jump| jump.pods > wanted);
    let jump = larger.unwrap_or(Jump { pods: wanted, from, in_flight: load, target: policy.target, at: now });
    state.jump = Some(Jump { at: now, ..jump });
}

/// `burst-step`: a jump that stands is what is wanted at least.
pub(super) fn step_up(state: &State, desired: u32, trail: &mut Trail) -> u32 {
    let Some(jump) = state.jump.as_ref().filter(|jump| jump.pods > desired) else { return desired };
    trail.push(jump.step());
    jump.pods
}

/// `starting-counts` and `burst-step`: panic compares the load with the pods that were there to carry it. Pods that are
/// starting are an answer to it already; those that a jump asked for must not hide it.
pub(super) fn panic_carriers(policy: &Policy, observation: &Observation, state: &State, rates: &Rates) -> u32 {
    let coming = if policy.takes(Departure::StartingCounts) { observation.coming } else { 0 };
    let before = state.jump.as_ref().map(|jump| jump.from.max(1));
    before.unwrap_or_else(|| rates.ready.max(observation.ready.unwrap_or(0) + coming))
}

/// `panic-decay`: the panic maximum halves in each panic window, never under what either window needs.
pub(super) fn decay_panic(policy: &Policy, state: &mut State, needed: u32, trail: &mut Trail) {
    if !policy.takes(Departure::PanicDecay) || needed >= state.max_panic_pods {
        return;
    }
    let kept = 0.5_f64.powf(TICK.as_secs_f64() / policy.panic_window.as_secs_f64());
    let pods = needed.max((f64::from(state.max_panic_pods) * kept) as u32);
    state.max_panic_pods = pods;
    trail.push(Step::PanicDecay { seconds: whole_seconds(policy.panic_window), pods });
}

/// `descent-floor`: after a panic or a jump, what the panic window needs is a floor until the stable window needs as much.
pub(super) fn floor_descent(
    policy: &Policy,
    state: &mut State,
    left_panic: bool,
    stable: &Want,
    panic: &Want,
    trail: &mut Trail,
) -> u32 {
    state.descending |= left_panic;
    if stable.pods >= panic.pods {
        state.descending = false;
    }
    if !state.descending || !policy.takes(Departure::DescentFloor) {
        return stable.pods;
    }
    trail.push(Step::DescentFloor { seconds: whole_seconds(policy.panic_window), pods: panic.pods });
    panic.pods
}

/// `activation-floor`: below activation-scale there is only zero. Without load the scale-down rate must not ask for what
/// lies between: the pods never become that few, and so it would ask for it for ever.
pub(super) fn fall_from_floor(policy: &Policy, stable: &Want, panic: &Want, desired: u32, trail: &mut Trail) -> u32 {
    let lies_between = 0 < desired && desired < policy.activation_scale;
    let is_wanted = stable.unlimited > 0.0 || panic.unlimited > 0.0;
    if !lies_between || is_wanted || !policy.takes(Departure::ActivationFloor) {
        return desired;
    }
    trail.push(Step::ActivationFloor { pods: 0 });
    0
}

/// `starting-counts`, `no-data-holds`, `fresh-start`: while too little is known, what is there stays.
pub(super) fn hold(policy: &Policy, observation: &Observation, desired: u32, trail: &mut Trail) -> u32 {
    let mut desired = desired;
    let mut at_least = |pods: u32, departure: Departure, step: Step| {
        if pods > desired && policy.takes(departure) {
            trail.push(step);
            desired = pods;
        }
    };
    let asked = observation.asked;
    if observation.lined_up > 0 {
        let (waiting, coming) = (observation.lined_up, observation.coming);
        at_least(asked, Departure::StartingCounts, Step::StartingCounts { waiting, coming, pods: asked });
    }
    if observation.silent > 0 {
        let reporters = observation.silent;
        at_least(asked, Departure::NoDataHolds, Step::NoDataHolds { reporters, pods: asked });
    }
    if let Some(fresh) = observation.fresh {
        let (seconds, pods) = (fresh.rest, fresh.pods);
        at_least(pods, Departure::FreshStart, Step::FreshStart { seconds, pods });
    }
    desired
}

/// What the burst capacity is compared with: with `burst-step` what is in flight now, if that is more.
pub(super) fn load_now(policy: &Policy, observation: &Observation, load: Averages) -> f64 {
    match observation.in_flight {
        Some(in_flight) if policy.takes(Departure::BurstStep) => in_flight.max(load.panic),
        _ => load.panic,
    }
}
