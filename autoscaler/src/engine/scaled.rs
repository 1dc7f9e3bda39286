//! One workload: what is known of it, and what follows.

use config::link::Reporter;
use config::{Failure, Pod, PodState, Policy, Reason, Report, Route, Time, Workload, WorkloadId};

use super::action::Action;
use super::backoff::Backoff;
use super::history::History;
use super::{EngineSettings, StartAs};
use crate::activity::{Activity, is_initialized, next_activity};
use crate::collect::Collector;
use crate::decide::{Observation, Reachability, State, Verdict, decide, initial_excess_burst};
use crate::pods::Pods;
use crate::reasons::Step;
use crate::scale::{Wanted, route, scale, within_bounds};
use crate::to_zero::{Seen, ToZero};

/// A reporter's watermark that no load crosses.
const NEVER: u32 = u32::MAX;

/// One workload. Each method takes in one event; [`Scaled::settle`] draws the consequences.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) id: WorkloadId,
    pub(super) policy: Policy,
    pub(super) state: State,
    pub(super) collector: Collector,
    pub(super) pods: Pods,
    pub(super) failure: Option<Failure>,
    /// What the load asks for; none before the first decision.
    pub(super) desired: Option<u32>,
    pub(super) excess_burst: i64,
    pub(super) replicas: Replicas,
    pub(super) path: Path,
    pub(super) to_zero: ToZero,
    pub(super) history: History,
    activity: Activity,
    activity_since: Time,
    initialized: bool,
    verdict: Option<Verdict>,
    watermark: Option<u32>,
    tick: Option<Time>,
    again: Option<Time>,
}

/// What the platform was asked for.
#[derive(Debug)]
pub(super) struct Replicas {
    pub(super) asked: u32,
    /// A call failed: nobody knows whether it has that.
    unsure: bool,
    backoff: Backoff,
}

/// Whether the activator was asked to be in the path.
#[derive(Debug, Default)]
pub(super) struct Path {
    asked: Option<Route>,
    true_since: Option<Time>,
    backoff: Backoff,
}

impl Path {
    /// What was asked for.
    pub(super) fn route(&self) -> Route {
        self.asked.unwrap_or(Route::Activator)
    }

    /// Whether that is true everywhere.
    pub(super) fn is_true(&self) -> bool {
        self.true_since.is_some()
    }
}

/// Why things are looked at. Events only raise: whatever lowers waits for the tick, or for a timer that was set then.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Event,
    Tick,
}

impl Scaled {
    /// A workload first seen: it counts as active now, unless it has no pods and is to start asleep.
    pub(super) fn new(now: Time, workload: &Workload, replicas: u32, start: StartAs) -> Scaled {
        let asleep = replicas == 0 && start == StartAs::Zero;
        Scaled {
            id: workload.id.clone(),
            state: State::new(&workload.policy, replicas, now),
            collector: Collector::new(&workload.policy),
            pods: Pods::default(),
            failure: None,
            desired: asleep.then_some(0),
            excess_burst: initial_excess_burst(&workload.policy),
            replicas: Replicas { asked: replicas, unsure: false, backoff: Backoff::default() },
            path: Path::default(),
            to_zero: if asleep { ToZero::Zero } else { ToZero::Awake },
            history: History::default(),
            activity: if asleep { Activity::Inactive } else { Activity::Activating },
            activity_since: now,
            initialized: asleep || replicas > 0,
            verdict: None,
            watermark: None,
            tick: None,
            again: None,
            policy: workload.policy.clone(),
        }
    }

    /// Asks for its first pods and its first route.
    pub(super) fn start(&mut self, now: Time, out: &mut Vec<Action>) {
        if self.replicas.asked == 0 && !self.initialized {
            let initial = Some(self.policy.initial_scale);
            let (pods, bound) = within_bounds(&self.policy, initial, self.initialized, Reachability::Reachable);
            if let Some(pods) = pods.filter(|&pods| pods > 0) {
                let step = bound.unwrap_or(Step::InitialScale { pods });
                self.ask(pods, step.reason(), out);
            }
        }
        self.settle(now, Cause::Event, out);
    }

    /// Its settings changed, or somebody else changed its scale.
    pub(super) fn change(&mut self, now: Time, workload: &Workload, replicas: u32, out: &mut Vec<Action>) {
        if workload.policy.scale_down_delay != self.policy.scale_down_delay {
            self.state.set_delay(workload.policy.scale_down_delay, now, self.desired.unwrap_or(0));
        }
        self.policy = workload.policy.clone();
        self.collector.load_mut().set_policy(&self.policy);
        self.replicas.asked = replicas;
        self.settle(now, Cause::Event, out);
    }

    /// A pod is new or changed.
    pub(super) fn pod(&mut self, now: Time, pod: &Pod, out: &mut Vec<Action>) {
        self.pods.update(pod);
        if pod.state == PodState::Gone {
            self.collector.left(&Reporter::Pod(pod.id.clone()), now);
        }
        if self.pods.counts().ready > 0 {
            self.collector.load_mut().silence_is_zero_from(now.second() + 1);
        } else {
            self.collector.load_mut().silence_means_nothing_after(now.second());
        }
        self.settle(now, Cause::Event, out);
    }

    /// A reporter has nothing of it any more.
    pub(super) fn left(&mut self, now: Time, reporter: &Reporter, out: &mut Vec<Action>) {
        self.collector.left(reporter, now);
        self.settle(now, Cause::Event, out);
    }

    /// A reporter counted something. At zero, that is decided about at once (Knative's poke).
    pub(super) fn report(&mut self, now: Time, reporter: &Reporter, report: &Report, out: &mut Vec<Action>) {
        if self.desired == Some(0) && Collector::shows_load(report) {
            self.collector.wake(reporter, report);
            self.decide(now);
            self.settle(now, Cause::Event, out);
        } else {
            self.collector.report(reporter, report);
        }
        // The last words of a pod that is gone must not keep it busy for ever.
        if let Reporter::Pod(id) = reporter
            && !self.pods.knows(id)
        {
            self.left(now, reporter, out);
        }
    }

    /// There is evidence of a route.
    pub(super) fn route_is_true(&mut self, now: Time, route: Route, out: &mut Vec<Action>) {
        if self.path.asked == Some(route) && !self.path.is_true() {
            self.path.true_since = Some(now);
            self.settle(now, Cause::Event, out);
        }
    }

    /// A route was refused.
    pub(super) fn route_failed(&mut self, now: Time, route: Route) {
        if self.path.asked == Some(route) {
            self.path.backoff.fail(now);
        }
    }

    /// A scale was refused: nobody knows what the platform has. If something else was asked for since, that call tells.
    pub(super) fn scale_failed(&mut self, now: Time, pods: u32) {
        if pods == self.replicas.asked {
            self.replicas.unsure = true;
            self.replicas.backoff.fail(now);
        }
    }

    /// When there is something to do by itself.
    pub(super) fn due(&self) -> Option<Time> {
        [self.tick, self.again, self.replicas.backoff.until(), self.path.backoff.until()].into_iter().flatten().min()
    }

    /// Does what is due: the tick's decision, or what a timer was set for.
    pub(super) fn advance(&mut self, now: Time, out: &mut Vec<Action>) {
        if self.tick.is_some_and(|tick| tick <= now) {
            self.decide(now);
            self.tick = None;
        }
        self.settle(now, Cause::Tick, out);
    }

    /// Sets the next tick. Only what can change by itself has one: with load in its windows, or something left of it.
    pub(super) fn plan(&mut self, now: Time, settings: &EngineSettings) {
        let sleeps = self.desired == Some(0)
            && self.replicas.asked == 0
            && !self.replicas.unsure
            && self.pods.counts().all() == 0
            && self.activity.is_inactive()
            && self.collector.is_idle()
            && self.collector.load().is_empty(now.second());
        if sleeps {
            self.tick = None;
            self.collector.load_mut().clear();
        } else if self.tick.is_none() {
            // One that is due already stays: a driver that is late must not put it off.
            self.tick = Some(settings.tick_after(now));
        }
    }

    fn decide(&mut self, now: Time) {
        let load = self.collector.load_mut().averages(now.second());
        let observation = Observation {
            ready: Some(self.pods.counts().ready),
            // On one machine a reporter that is silent has nothing: there is always data.
            load: Some(load),
            reachability: Reachability::Reachable,
        };
        if let Ok(verdict) = decide(&self.policy, &observation, &mut self.state, now) {
            self.desired = Some(verdict.outcome.desired);
            self.excess_burst = verdict.outcome.excess_burst;
            self.verdict = Some(verdict);
        }
    }

    /// Draws the consequences of what is known now, in Knative's order: scale, path, activity.
    fn settle(&mut self, now: Time, cause: Cause, out: &mut Vec<Action>) {
        let wanted = self.wanted(now);
        self.to_zero = wanted.to_zero;
        self.again = wanted.again.map(|rest| now + rest);
        self.turn(now, cause, &wanted, out);
        self.resize(now, cause, &wanted, out);
        self.activate(now, cause, &wanted);
        self.set_watermark(out);
    }

    /// Where it is on its way to zero.
    pub(super) fn to_zero_at(&self, now: Time) -> ToZero {
        self.wanted(now).to_zero
    }

    fn wanted(&self, now: Time) -> Wanted {
        let answers = || self.path.asked == Some(Route::Activator) && self.path.is_true();
        let wanted = scale(&self.policy, self.desired, &self.seen(now), answers);
        if wanted.pods == Some(0) && self.replicas.asked == 0 {
            // It is there already: nothing to wait for.
            return Wanted { asks: Some(0), again: None, to_zero: ToZero::Zero, ..wanted };
        }
        wanted
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
        let route = match self.pods.can_be_reached_directly() {
            true => route(wanted.pods, self.excess_burst),
            false => Route::Activator,
        };
        let lowers = route == Route::Pods && cause == Cause::Event;
        let failed = self.path.backoff.until().is_some();
        if lowers || self.path.backoff.holds(now) || (self.path.asked == Some(route) && !failed) {
            return;
        }
        self.path.backoff.retry();
        self.path.asked = Some(route);
        self.path.true_since = None;
        out.push(Action::Route { workload: self.id.clone(), route });
    }

    /// Asks the platform for pods, if that is to change.
    fn resize(&mut self, now: Time, cause: Cause, wanted: &Wanted, out: &mut Vec<Action>) {
        let verdict = self.bounded(wanted);
        let asked = (!self.replicas.unsure).then_some(self.replicas.asked);
        let write = wanted.write(asked).filter(|&pods| cause == Cause::Tick || pods > self.replicas.asked);
        let holds = self.replicas.backoff.holds(now);
        if cause == Cause::Tick && !holds {
            self.replicas.backoff.retry();
        }
        if let Some(pods) = write.filter(|_| !holds)
            && let Some(why) = wanted.to_zero.step(pods).or_else(|| verdict?.trail.deciding().copied()).or(wanted.bound)
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
    fn bounded(&self, wanted: &Wanted) -> Option<Verdict> {
        let mut verdict = self.verdict?;
        let pods = wanted.asks.unwrap_or(self.replicas.asked);
        for step in [wanted.bound, wanted.to_zero.step(pods)].into_iter().flatten() {
            verdict.trail.push(step);
        }
        verdict.outcome.desired = pods;
        verdict.outcome.route = self.path.route();
        Some(verdict)
    }

    fn ask(&mut self, pods: u32, why: Reason, out: &mut Vec<Action>) {
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

    /// At zero the first request is to be heard of at once.
    fn set_watermark(&mut self, out: &mut Vec<Action>) {
        let watermark = if self.desired.unwrap_or(0) == 0 { 0 } else { NEVER };
        if self.watermark != Some(watermark) {
            self.watermark = Some(watermark);
            out.push(Action::Settings { workload: self.id.clone(), watermark });
        }
    }
}
