//! All workloads' state: events in, actions out.

mod action;
mod asked;
mod backoff;
mod deadlines;
mod deciding;
mod explain;
mod history;
mod scaled;
mod settle;
mod triggered;
mod watch;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use config::link::{Reporter, Up};
use config::{Failure, Pod, PodId, Route, Time, Workload, WorkloadId};

use self::deadlines::Deadlines;
use self::scaled::{Cause, Scaled};
use crate::decide::TICK;
use crate::latency::LatencyNow;
use crate::pods::PodCounts;

pub use action::Action;
pub use explain::{Decided, Explanation, LoadNow, ReportersNow, RequestsNow, Status, ToZeroNow};
pub use triggered::{Triggered, Wish};

/// What the engine is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// How long after the whole second a tick comes, so that the reports of the last second are in.
    pub tick_offset: Duration,
    /// What becomes of a workload that is first seen without pods.
    pub start: StartAs,
    /// How pods and activators report.
    pub reporters: Reporters,
}

impl EngineSettings {
    /// The first tick after `now`: on every second whole second, and a little.
    fn tick_after(&self, now: Time) -> Time {
        let tick = TICK.as_nanos() as u64;
        let passed = (now - self.tick_offset).as_nanos() / tick;
        let next = if now < Time::ZERO + self.tick_offset { 0 } else { passed + 1 };
        Time::from_nanos(next * tick) + self.tick_offset
    }
}

/// How pods and activators report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporters {
    /// From within this process, unasked: whoever is silent has nothing to say.
    InProcess,
    /// By Links that open with [`Up::Hello`] and can be [`Engine::lost`]: of whoever has none, nothing is known.
    Linked,
}

/// What becomes of a workload that is first seen without pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAs {
    /// It gets its initial-scale, as in Knative, and sleeps once it is idle.
    Active,
    /// It sleeps until its first request; only min-scale is asked for.
    Zero,
}

/// Reports and pods in, [`Action`]s out. Reads no clock: whoever calls says what time it is, and calls
/// [`Engine::advance`] at [`Engine::next_deadline`].
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    workloads: HashMap<WorkloadId, Entry>,
    /// Activators whose Link lives.
    activators: HashMap<Reporter, Incarnation>,
    /// Pods whose Link lives, and whose they are.
    pods: HashMap<PodId, (WorkloadId, Incarnation)>,
    /// Of those, the ones of workloads that are not known (yet): a pod may speak before the platform does.
    early: HashMap<WorkloadId, HashSet<PodId>>,
    deadlines: Deadlines,
    actions: Vec<Action>,
}

/// Tells one process from the one that had its name before.
type Incarnation = u64;

#[derive(Debug)]
struct Entry {
    scaled: Scaled,
    /// The one deadline that is not stale.
    due: Option<Time>,
}

impl Engine {
    /// An engine that knows no workload.
    pub fn new(settings: EngineSettings) -> Engine {
        Engine {
            settings,
            workloads: HashMap::new(),
            activators: HashMap::new(),
            pods: HashMap::new(),
            early: HashMap::new(),
            deadlines: Deadlines::default(),
            actions: Vec::new(),
        }
    }

    /// The workload is new, or its settings changed; the platform has been asked for `replicas` pods so far. If not by
    /// this engine, then by somebody else, as in [`Engine::replicas_changed`].
    pub fn workload(&mut self, now: Time, workload: &Workload, replicas: u32) {
        self.workload_or_new(now, workload, replicas, |scaled| scaled);
    }

    /// As [`Engine::workload`], of a workload that no autoscaler has had before: its initial-scale is to be reached
    /// first.
    pub fn adopt(&mut self, now: Time, workload: &Workload, replicas: u32) {
        self.workload_or_new(now, workload, replicas, Scaled::adopted);
    }

    fn workload_or_new(&mut self, now: Time, workload: &Workload, replicas: u32, new: impl FnOnce(Scaled) -> Scaled) {
        if !self.workloads.contains_key(&workload.id) {
            let spoke = self.early.remove(&workload.id).unwrap_or_default();
            let scaled = new(Scaled::new(now, workload, replicas, spoke, &self.settings));
            self.workloads.insert(workload.id.clone(), Entry { scaled, due: None });
            self.with(now, &workload.id, |scaled, out| scaled.start(now, out));
        } else {
            self.with(now, &workload.id, |scaled, out| scaled.change(now, workload, replicas, out));
        }
    }

    /// Somebody else asked the platform for so many pods: that is kept for a stable window.
    pub fn replicas_changed(&mut self, now: Time, id: &WorkloadId, replicas: u32) {
        self.with(now, id, |scaled, out| scaled.change_replicas(now, replicas, out));
    }

    /// The workload is no more.
    pub fn workload_gone(&mut self, _now: Time, id: &WorkloadId) {
        let heard = self.workloads.remove(id).map(|entry| entry.scaled.watch.into_heard());
        if let Some(heard) = heard.filter(|heard| !heard.is_empty()) {
            self.early.insert(id.clone(), heard);
        }
    }

    /// The pod is new or changed.
    pub fn pod(&mut self, now: Time, pod: &Pod) {
        self.with(now, &pod.workload, |scaled, out| scaled.pod(now, pod, out));
    }

    /// Why the workload can have no ready pod just now; `None` when that is over.
    pub fn failure(&mut self, now: Time, id: &WorkloadId, failure: Option<Failure>) {
        self.with(now, id, |scaled, _| scaled.failure = failure);
    }

    /// A frame from a reporter.
    pub fn up(&mut self, now: Time, frame: Up) {
        match frame {
            Up::Hello { reporter, incarnation, workload, .. } => self.hello(now, &reporter, incarnation, workload),
            // How pods are is known from the platform; where activators listen is no matter of scale, nor is how it woke.
            Up::State { .. } | Up::Heartbeat { .. } | Up::Door { .. } | Up::Leaving | Up::Woke { .. } => {}
            Up::Report { reporter, workload, report } => {
                self.with(now, &workload, |scaled, out| scaled.report(now, &reporter, &report, out));
            }
            Up::Left { reporter, workload } => {
                self.with(now, &workload, |scaled, out| scaled.left(now, &reporter, out));
            }
            Up::Latency { workload, latency, .. } => {
                self.with(now, &workload, |scaled, _| scaled.latency.add(now, &latency));
            }
        }
    }

    /// The reporter's Link died: until it says `Hello` again, nothing is known of what it counts.
    pub fn lost(&mut self, now: Time, reporter: &Reporter) {
        match reporter {
            Reporter::Activator(_) => {
                let Some(incarnation) = self.activators.remove(reporter) else { return };
                self.workloads.values_mut().for_each(|entry| entry.scaled.lost(now, reporter, incarnation));
            }
            Reporter::Pod(id) => {
                let Some((workload, incarnation)) = self.pods.remove(id) else { return };
                if let Some(early) = self.early.get_mut(&workload) {
                    early.remove(id);
                    if early.is_empty() {
                        self.early.remove(&workload);
                    }
                }
                self.with(now, &workload, |scaled, out| {
                    scaled.lost(now, reporter, incarnation);
                    scaled.pod_lost(now, id, out);
                });
            }
        }
    }

    /// A reporter's Link lives.
    fn hello(&mut self, now: Time, reporter: &Reporter, incarnation: Incarnation, workload: Option<WorkloadId>) {
        match (reporter, workload) {
            (Reporter::Activator(_), _) => {
                let before = self.activators.insert(reporter.clone(), incarnation);
                let speaks = |entry: &mut Entry| entry.scaled.speaks(now, reporter, incarnation, before);
                let forgot = self.workloads.iter_mut().filter_map(|(id, entry)| speaks(entry).then(|| id.clone()));
                // Only those that it had something of have anything to settle.
                for id in forgot.collect::<Vec<_>>() {
                    self.with(now, &id, |scaled, out| scaled.settle(now, Cause::Event, out));
                }
            }
            (Reporter::Pod(id), Some(workload)) => {
                let before = self.pods.insert(id.clone(), (workload.clone(), incarnation));
                let before = before.map(|(_, before)| before);
                if !self.workloads.contains_key(&workload) {
                    self.early.entry(workload.clone()).or_default().insert(id.clone());
                }
                self.with(now, &workload, |scaled, out| {
                    if scaled.speaks(now, reporter, incarnation, before) {
                        scaled.settle(now, Cause::Event, out);
                    }
                    scaled.pod_speaks(now, id, out);
                });
            }
            (Reporter::Pod(_), None) => {}
        }
    }

    /// There is evidence that the route is true everywhere.
    pub fn route_is_true(&mut self, now: Time, id: &WorkloadId, route: Route) {
        self.with(now, id, |scaled, out| scaled.route_is_true(now, route, out));
    }

    /// `Platform::route` failed: it is asked again, with back-off.
    pub fn route_failed(&mut self, now: Time, id: &WorkloadId, route: Route) {
        self.with(now, id, |scaled, _| scaled.route_failed(now, route));
    }

    /// `Platform::scale` to `pods` failed: it is asked again, with back-off, for what is wanted by then.
    pub fn scale_failed(&mut self, now: Time, id: &WorkloadId, pods: u32) {
        self.with(now, id, |scaled, _| scaled.scale_failed(now, pods));
    }

    /// What the workload's triggers ask for; `None` when it has none (any more).
    pub fn triggered(&mut self, now: Time, id: &WorkloadId, triggered: Option<Triggered>) {
        self.with(now, id, |scaled, out| scaled.trigger(now, triggered, out));
    }

    /// What the workload's triggers ask for, as it was told last.
    pub fn wish(&self, id: &WorkloadId) -> Option<Wish> {
        Some(self.workloads.get(id)?.scaled.triggered?.wish)
    }

    /// How many pods the workload was asked to have, and those that it has.
    pub fn pods(&self, id: &WorkloadId) -> Option<(u32, PodCounts)> {
        let scaled = &self.workloads.get(id)?.scaled;
        Some((scaled.replicas.asked, scaled.pods.counts()))
    }

    /// Whether there is such a workload.
    pub fn knows(&self, id: &WorkloadId) -> bool {
        self.workloads.contains_key(id)
    }

    /// When [`Engine::advance`] next has something to do. May be too early, never too late.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.next()
    }

    /// Does what is due by `now`: ticks and timers.
    pub fn advance(&mut self, now: Time) {
        while let Some((at, id)) = self.deadlines.pop(now) {
            let due = self.workloads.get_mut(&id).map(|entry| &mut entry.due).filter(|due| **due == Some(at));
            if let Some(due) = due {
                *due = None;
                self.with(now, &id, |scaled, out| scaled.advance(now, out));
            }
        }
    }

    /// What is to be done, in order; each is given once.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Why the workload has the pods it has.
    pub fn explain(&self, now: Time, id: &WorkloadId) -> Option<Explanation> {
        self.workloads.get(id).map(|entry| Explanation::of(&entry.scaled, now))
    }

    /// What is open of the workload.
    pub fn requests(&self, now: Time, id: &WorkloadId) -> Option<RequestsNow> {
        let is_fronted = self.settings.reporters == Reporters::InProcess || !self.activators.is_empty();
        self.workloads.get(id).map(|entry| RequestsNow::of(&entry.scaled, is_fronted, now))
    }

    /// How long the workload's requests took of late.
    pub fn latency(&self, now: Time, id: &WorkloadId) -> Option<LatencyNow> {
        self.workloads.get(id).map(|entry| entry.scaled.latency.at(now))
    }

    /// One line about each workload, by name.
    pub fn status(&self) -> impl Iterator<Item = Status> {
        let mut all: Vec<&Entry> = self.workloads.values().collect();
        all.sort_unstable_by_key(|entry| &entry.scaled.id);
        all.into_iter().map(|entry| Status::of(&entry.scaled))
    }

    /// Does something to a workload, if there is such a one, and sees to its next deadline.
    fn with(&mut self, now: Time, id: &WorkloadId, event: impl FnOnce(&mut Scaled, &mut Vec<Action>)) {
        let Some(entry) = self.workloads.get_mut(id) else { return };
        entry.scaled.activators = self.activators.len() as u32;
        event(&mut entry.scaled, &mut self.actions);
        entry.scaled.tell_busy(now, &mut self.actions);
        entry.scaled.plan(now, &self.settings);
        let due = entry.scaled.due();
        if entry.due != due {
            entry.due = due;
            if let Some(at) = due {
                self.deadlines.add(at, id);
            }
        }
    }
}
