//! One workload: what follows from what is known.

use std::time::Duration;

use config::{BurstCapacity, Departure, Metric, Reason, Route, Time};

use super::action::Action;
use super::scaled::{Cause, Scaled};
use crate::activity::{is_initialized, next_activity};
use crate::decide::{Reachability, TICK, Verdict};
use crate::reasons::Step;
use crate::scale::{Wanted, route, scale};
use crate::to_zero::{Seen, ToZero};

/// A reporter's watermark that no load crosses.
const NEVER: u32 = u32::MAX;

/// What is left of a time, for people: never nothing.
fn whole_seconds(rest: Duration) -> u32 {
    rest.as_secs_f64().ceil() as u32
}

/// How far a watermark may be off before reporters are told another.
const NEAR_ENOUGH: std::ops::RangeInclusive<f64> = 0.8..=1.25;

impl Scaled {
    /// Draws the consequences of what is known now, in Knative's order: scale, path, activity.
    pub(super) fn settle(&mut self, now: Time, cause: Cause, out: &mut Vec<Action>) {
        let wanted = self.wanted(now);
        self.to_zero = wanted.to_zero;
        let again = wanted.again.into_iter().chain(self.kept(now, &wanted)).min();
        self.again = again.map(|rest| now + rest);
        self.turn(now, cause, &wanted, out);
        self.resize(now, cause, &wanted, out);
        self.activate(now, cause, &wanted);
        self.set_watermark(now, out);
    }

    /// Where it is on its way to zero.
    pub(super) fn to_zero_at(&self, now: Time) -> ToZero {
        self.wanted(now).to_zero
    }

    fn wanted(&self, now: Time) -> Wanted {
        if self.policy.paused {
            let pods = Some(self.replicas.asked);
            return Wanted { pods, asks: None, again: None, to_zero: ToZero::Paused, bound: None };
        }
        let answers = || self.path.asked == Some(Route::Activator) && self.path.is_true();
        let wanted = self.with_triggers(scale(&self.policy, self.desired, &self.seen(now), answers));
        if wanted.pods == Some(0) && self.replicas.asked == 0 && wanted.to_zero != ToZero::NothingAsked {
            // It is there already: nothing to wait for.
            return Wanted { asks: Some(0), again: None, to_zero: ToZero::Zero, ..wanted };
        }
        wanted
    }

    /// How long what somebody else asked for is still kept from what is wanted, if it is. Who waits while there is to be
    /// no pod is let in.
    fn kept(&self, now: Time, wanted: &Wanted) -> Option<Duration> {
        let wakes = self.replicas.asked == 0 && self.collector.sum().waiting > 0;
        self.replicas.kept(wanted.asks.filter(|_| !wakes)?, self.policy.stable_window, now)
    }

    fn seen(&self, now: Time) -> Seen {
        let in_path = self.path.asked == Some(Route::Activator);
        Seen {
            activity: self.activity,
            activity_for: now.since(self.activity_since),
            initialized: self.initialized,
            reachability: Reachability::Reachable,
            in_path,
            in_path_for: self.path.true_since.filter(|_| in_path).map_or_else(Default::default, |at| now.since(at)),
            open: self.collector.sum().open,
        }
    }

    /// Puts the activator into the path, or takes it out.
    fn turn(&mut self, now: Time, cause: Cause, wanted: &Wanted, out: &mut Vec<Action>) {
        let route = self.route_wanted(now, wanted);
        self.turn_away(cause, out);
        let lowers = route == Route::Pods && cause == Cause::Event;
        let failed = self.path.backoff.until().is_some();
        if lowers || self.path.backoff.holds(now) || (self.path.asked == Some(route) && !failed) {
            return;
        }
        // Of a workload that was there before, nobody knows where its clients are.
        let may_be_reached = self.path.asked.map_or(self.replicas.asked > 0, |before| before == Route::Pods);
        self.path.leaves = route == Route::Activator && (may_be_reached || self.path.leaves);
        self.path.backoff.retry();
        self.path.asked = Some(route);
        self.path.true_since = None;
        out.push(Action::Route { workload: self.id.clone(), route });
        self.turn_away(Cause::Tick, out);
    }

    fn route_wanted(&self, now: Time, wanted: &Wanted) -> Route {
        if self.policy.paused || !self.pods.can_be_reached_directly() || self.waits_for_room(now).is_some() {
            return Route::Activator;
        }
        route(wanted.pods, self.excess_burst)
    }

    /// `route-hysteresis`: the activator leaves the path when the burst capacity has sufficed with a margin for a panic
    /// window, so that one request does not put it in and out. How long that is, while it keeps the activator there.
    fn waits_for_room(&self, now: Time) -> Option<Duration> {
        let needed = self.policy.panic_window.max(TICK);
        let is_roomy = self.path.roomy_since.is_some_and(|since| now.since(since) >= needed);
        let waits = self.policy.takes(Departure::RouteHysteresis)
            && self.policy.burst_capacity != BurstCapacity::Of(0.0)
            && self.path.asked != Some(Route::Pods)
            && self.excess_burst >= 0
            && !is_roomy;
        waits.then_some(needed)
    }

    /// While there is no evidence that the activator is in the path, pods are told to turn clients away: when that
    /// begins and at each tick, for a pod that became ready since has not heard it.
    fn turn_away(&mut self, cause: Cause, out: &mut Vec<Action>) {
        if self.path.is_true() {
            self.path.leaves = false;
        }
        if self.path.leaves && cause == Cause::Tick && self.watch.is_linked() {
            out.push(Action::Leave { workload: self.id.clone() });
        }
    }

    /// Asks the platform for pods, if that is to change.
    fn resize(&mut self, now: Time, cause: Cause, wanted: &Wanted, out: &mut Vec<Action>) {
        let verdict = self.bounded(now, wanted);
        let asked = (!self.replicas.unsure).then_some(self.replicas.asked);
        let may_lower = cause == Cause::Tick && !self.holds_for_data();
        let write = wanted.write(asked).filter(|&pods| may_lower || pods > self.replicas.asked);
        let write = write.filter(|_| self.kept(now, wanted).is_none());
        let holds = self.replicas.backoff.holds(now);
        if cause == Cause::Tick && !holds {
            self.replicas.backoff.retry();
        }
        let triggers = wanted.bound.filter(|bound| matches!(bound, Step::Triggers { .. }));
        let load = || verdict?.trail.deciding().copied();
        if let Some(pods) = write.filter(|_| !holds)
            && let Some(why) = wanted.to_zero.step(pods).or(triggers).or_else(load).or(wanted.bound)
        {
            self.ask(pods, why.reason(), out);
        }
        if let Some(verdict) = verdict
            && (cause == Cause::Tick || write.is_some())
        {
            self.history.record(now, verdict);
        }
    }

    /// The last verdict with what bounds and the way to zero made of it.
    fn bounded(&self, now: Time, wanted: &Wanted) -> Option<Verdict> {
        let mut verdict = **self.verdict.as_ref()?;
        let asked = self.replicas.asked;
        let kept = self.kept(now, wanted).map(|rest| Step::ForeignScale { seconds: whole_seconds(rest), pods: asked });
        let pods = wanted.asks.filter(|_| kept.is_none()).unwrap_or(asked);
        let room = self.waits_for_room(now).filter(|_| wanted.pods.is_some_and(|pods| pods > 0));
        let room = room.map(|needed| Step::RouteHysteresis { seconds: needed.as_secs() as u32, pods });
        for step in [room, wanted.bound, wanted.to_zero.step(pods), kept].into_iter().flatten() {
            verdict.trail.push(step);
        }
        verdict.outcome.desired = pods;
        verdict.outcome.route = self.path.route();
        Some(verdict)
    }

    /// `no-data-holds`: whether a timer that was set when all was known must wait, for something is not known now.
    fn holds_for_data(&self) -> bool {
        self.policy.takes(Departure::NoDataHolds) && self.watch.silent() > 0
    }

    pub(super) fn ask(&mut self, pods: u32, why: Reason, out: &mut Vec<Action>) {
        out.push(Action::Scale { workload: self.id.clone(), from: self.replicas.asked, pods, why });
        self.replicas.asked = pods;
        self.replicas.unsure = false;
        self.replicas.backoff.retry();
    }

    fn activate(&mut self, now: Time, cause: Cause, wanted: &Wanted) {
        let lowers = wanted.pods == Some(0) && !self.activity.is_inactive();
        if lowers && cause == Cause::Event {
            return;
        }
        let ready = self.pods.counts().ready;
        let next = next_activity(&self.policy, wanted.pods, ready, self.activity, self.initialized);
        if self.activity.changes_to(next) {
            self.activity_since = now;
        }
        self.activity = next;
        self.initialized = is_initialized(&self.policy, ready, self.initialized);
    }

    /// At zero the first request is to be heard of at once; above, what is more than the pods carry.
    fn set_watermark(&mut self, now: Time, out: &mut Vec<Action>) {
        let at_zero = self.desired.unwrap_or(0) == 0 || self.replicas.asked == 0;
        let watermark = if at_zero { 0 } else { self.alarming(now) };
        let is_near = |said: u32| match (said, watermark) {
            (0 | NEVER, _) | (_, 0 | NEVER) => said == watermark,
            _ => NEAR_ENOUGH.contains(&(f64::from(said) / f64::from(watermark))),
        };
        if !self.watermark.is_some_and(is_near) {
            self.watermark = Some(watermark);
            out.push(Action::Settings { workload: self.id.clone(), watermark });
        }
    }

    /// How much in flight at one reporter means that it may be too much altogether: that much, divided by the reporters
    /// that see it. If it is too much, one of them sees more than its share. Pods on their way count: a burst is an
    /// alarm when they cannot carry it either.
    fn alarming(&self, now: Time) -> u32 {
        let reached_max = self.policy.max_scale > 0 && self.replicas.asked >= self.policy.max_scale;
        let takes = self.policy.takes(Departure::BurstStep) && self.policy.metric == Metric::Concurrency;
        let ready = self.pods.counts().ready;
        let pods = self.replicas.asked.max(ready + self.watch.coming(&self.pods, now));
        let carried = f64::from(pods) * self.policy.total;
        let (much, reporters) = match (self.path.route(), self.policy.burst_capacity) {
            (Route::Pods, BurstCapacity::Of(wanted)) => {
                let room = (f64::from(ready) * self.policy.total - wanted).max(1.0);
                (carried.min(room), ready)
            }
            _ => (carried, self.activators),
        };
        let never = self.policy.paused || !takes || (reached_max && self.path.route() == Route::Activator);
        if never { NEVER } else { ((much / f64::from(reporters.max(1))) as u32).clamp(1, NEVER - 1) }
    }
}
