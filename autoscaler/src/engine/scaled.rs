//! One workload: what is known of it, and what follows.

use std::collections::HashSet;

use config::link::Reporter;
use config::{Failure, Pod, PodId, PodState, Policy, Report, Route, Time, Workload, WorkloadId};

use super::action::Action;
use super::asked::{Path, Replicas};
use super::history::History;
use super::triggered::Triggered;
use super::watch::Watch;
use super::{EngineSettings, StartAs};
use crate::activity::Activity;
use crate::collect::Collector;
use crate::decide::{Reachability, State, Verdict, initial_excess_burst};
use crate::latency::Recent;
use crate::pods::Pods;
use crate::reasons::Step;
use crate::scale::within_bounds;
use crate::to_zero::ToZero;

/// One workload. Each method takes in one event; `settle` draws the consequences.
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
    pub(super) triggered: Option<Triggered>,
    pub(super) replicas: Replicas,
    pub(super) path: Path,
    pub(super) to_zero: ToZero,
    pub(super) history: History,
    pub(super) activity: Activity,
    pub(super) activity_since: Time,
    pub(super) initialized: bool,
    pub(super) watch: Watch,
    pub(super) latency: Recent,
    /// Activators whose Link lives; with reporters of this process there is one.
    pub(super) activators: u32,
    pub(super) verdict: Option<Box<Verdict>>,
    pub(super) watermark: Option<u32>,
    /// Whether it was told to be busy.
    busy: bool,
    tick: Option<Time>,
    pub(super) again: Option<Time>,
}

/// Why things are looked at. Events only raise: whatever lowers waits for the tick, or for a timer that was set then.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Event,
    Tick,
}

impl Scaled {
    /// A workload first seen: it counts as active now, unless it has no pods and is to start asleep.
    ///
    /// The pods that `spoke` did so before it was known.
    pub(super) fn new(
        now: Time,
        workload: &Workload,
        replicas: u32,
        spoke: HashSet<PodId>,
        settings: &EngineSettings,
    ) -> Scaled {
        let asleep = replicas == 0 && settings.start == StartAs::Zero;
        Scaled {
            id: workload.id.clone(),
            state: State::new(&workload.policy, replicas, now),
            collector: Collector::new(&workload.policy),
            pods: Pods::found(replicas),
            failure: None,
            desired: asleep.then_some(0),
            excess_burst: initial_excess_burst(&workload.policy),
            triggered: None,
            replicas: Replicas::new(replicas),
            path: Path::default(),
            to_zero: if asleep { ToZero::Zero } else { ToZero::Awake },
            history: History::default(),
            activity: if asleep { Activity::Inactive } else { Activity::Activating },
            activity_since: now,
            initialized: asleep || replicas > 0,
            watch: Watch::new(settings.reporters, spoke, replicas, now),
            latency: Recent::default(),
            activators: 0,
            verdict: None,
            watermark: None,
            busy: false,
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

    /// No autoscaler has had it before: unless it sleeps, its initial-scale is to be reached first.
    #[must_use]
    pub(super) fn adopted(self) -> Scaled {
        Scaled { initialized: self.initialized && self.replicas.asked == 0, ..self }
    }

    /// Its settings changed, or somebody else its scale.
    pub(super) fn change(&mut self, now: Time, workload: &Workload, replicas: u32, out: &mut Vec<Action>) {
        if workload.policy.scale_down_delay != self.policy.scale_down_delay {
            self.state.set_delay(workload.policy.scale_down_delay, now, self.desired.unwrap_or(0));
        }
        self.policy = workload.policy.clone();
        self.collector.load_mut().set_policy(&self.policy);
        self.weigh_silence(now);
        if self.replicas.unsure {
            self.replicas.asked = replicas;
        }
        self.change_replicas(now, replicas, out);
    }

    /// The platform was asked for so many pods; if that is news, then by somebody else.
    pub(super) fn change_replicas(&mut self, now: Time, replicas: u32, out: &mut Vec<Action>) {
        if replicas != self.replicas.asked {
            self.replicas.changed(replicas, self.policy.stable_window, now);
        }
        self.settle(now, Cause::Event, out);
    }

    /// A pod is new or changed.
    pub(super) fn pod(&mut self, now: Time, pod: &Pod, out: &mut Vec<Action>) {
        if let Some(took) = self.pods.update(pod, now) {
            self.watch.started(took, &self.policy, now);
        }
        if pod.state == PodState::Gone {
            let reporter = Reporter::Pod(pod.id.clone());
            self.collector.left(&reporter, now);
            self.watch.is_back(&reporter);
            self.watch.lose_pod(&pod.id);
        }
        self.weigh_silence(now);
        self.settle(now, Cause::Event, out);
    }

    /// A pod's queue-proxy opened its Link.
    pub(super) fn pod_speaks(&mut self, now: Time, id: &PodId, out: &mut Vec<Action>) {
        if self.watch.hear_pod(id) {
            self.weigh_silence(now);
            self.settle(now, Cause::Event, out);
        }
    }

    /// The Link of a pod's queue-proxy died.
    pub(super) fn pod_lost(&mut self, now: Time, id: &PodId, out: &mut Vec<Action>) {
        if self.watch.lose_pod(id) {
            self.pods.fell_silent(id, now);
            self.weigh_silence(now);
            self.settle(now, Cause::Event, out);
        }
    }

    /// A reporter opened its Link; the one that it had here until now was of incarnation `before`. If it is another now,
    /// what the old one had died with it, whoever was to say so: whether something is forgotten, so that it is to settle.
    pub(super) fn speaks(&mut self, now: Time, reporter: &Reporter, incarnation: u64, before: Option<u64>) -> bool {
        let before = self.watch.is_back(reporter).or(before);
        let is_another = before.is_some_and(|before| before != incarnation) && self.collector.counts_on(reporter);
        if is_another {
            self.forget(now, reporter);
            self.weigh_silence(now);
        }
        is_another
    }

    /// The Link of a reporter died.
    pub(super) fn lost(&mut self, now: Time, reporter: &Reporter, incarnation: u64) {
        if self.collector.counts_on(reporter) {
            self.collector.lost(reporter);
            self.watch.miss(reporter, incarnation, now);
            self.weigh_silence(now);
        }
    }

    /// What the reporter had is over. Of what an activator counted for pods nobody knows which part was its: all is
    /// forgotten, and other activators tell of theirs within a second.
    fn forget(&mut self, now: Time, reporter: &Reporter) {
        self.collector.left(reporter, now);
        if let Reporter::Activator(_) = reporter {
            for pod in self.pods.counted_by_activators() {
                self.collector.left(&Reporter::Pod(pod.clone()), now);
            }
        }
    }

    /// While pods are ready and all is heard, silence means that there is no load; else it means nothing.
    fn weigh_silence(&mut self, now: Time) {
        self.watch.recount(&self.pods, now);
        if self.pods.counts().ready > 0 && self.watch.silent() == 0 {
            self.collector.load_mut().silence_is_zero_from(now.second() + 1);
        } else {
            self.collector.load_mut().silence_means_nothing_after(now.second());
        }
    }

    /// A reporter has nothing of it any more.
    pub(super) fn left(&mut self, now: Time, reporter: &Reporter, out: &mut Vec<Action>) {
        self.collector.left(reporter, now);
        self.settle(now, Cause::Event, out);
    }

    /// A reporter counted something. At zero, that is decided about at once (Knative's poke); above, more than all pods
    /// can carry is.
    pub(super) fn report(&mut self, now: Time, reporter: &Reporter, report: &Report, out: &mut Vec<Action>) {
        if self.desired == Some(0) && Collector::shows_load(report) {
            self.collector.wake(reporter, report);
            self.decide(now);
            self.settle(now, Cause::Event, out);
        } else {
            if report.waiting > 0 || self.collector.expects_pods() {
                self.expect_pods(now);
            }
            self.collector.report(reporter, report);
            self.raise(now, out);
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

    /// Its triggers ask for another number of pods.
    pub(super) fn trigger(&mut self, now: Time, triggered: Option<Triggered>, out: &mut Vec<Action>) {
        if self.triggered != triggered {
            self.triggered = triggered;
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

    /// Whether something is open, or was within a stable window. What a pod answers within a second is open at no report's
    /// end, and counts even so.
    pub(super) fn is_busy(&self, now: Time) -> bool {
        let was_open = |since| now.since(since) < self.policy.stable_window;
        !self.collector.is_idle() || self.collector.idle_since().is_some_and(was_open)
    }

    /// Tells when it becomes busy, and when it is no more.
    pub(super) fn tell_busy(&mut self, now: Time, out: &mut Vec<Action>) {
        let is_busy = self.is_busy(now);
        if std::mem::replace(&mut self.busy, is_busy) != is_busy {
            out.push(Action::Busy { workload: self.id.clone(), is_busy });
        }
    }

    /// When there is something to do by itself.
    pub(super) fn due(&self) -> Option<Time> {
        // With a tick, that is early enough to forget things.
        let lapse = self.latency.lapses().filter(|_| self.tick.is_none());
        let due = [self.tick, self.again, self.replicas.backoff.until(), self.path.backoff.until(), lapse];
        due.into_iter().flatten().min()
    }

    /// Does what is due: the tick's decision, or what a timer was set for.
    pub(super) fn advance(&mut self, now: Time, out: &mut Vec<Action>) {
        if self.tick.is_some_and(|tick| tick <= now) {
            for reporter in self.watch.give_up(&self.policy, now) {
                self.forget(now, &reporter);
            }
            self.weigh_silence(now);
            self.watch.look_at_line(self.collector.sum().waiting, &self.policy, now);
            self.decide(now);
            self.watch.settle_in(&self.policy, now);
            self.tick = None;
        }
        self.settle(now, Cause::Tick, out);
    }

    /// Sets the next tick. Only what can change by itself has one: with load in its windows, or something left of it.
    pub(super) fn plan(&mut self, now: Time, settings: &EngineSettings) {
        self.latency.lapse(now);
        let sleeps = self.desired == Some(0)
            && self.replicas.asked == 0
            && !self.replicas.unsure
            && self.pods.counts().all() == 0
            && self.activity.is_inactive()
            && !self.is_busy(now)
            && self.collector.load().is_empty(now.second());
        if sleeps {
            self.tick = None;
            self.collector.load_mut().clear();
        } else if self.tick.is_none() {
            // One that is due already stays: a driver that is late must not put it off.
            self.tick = Some(settings.tick_after(now));
        }
    }
}
