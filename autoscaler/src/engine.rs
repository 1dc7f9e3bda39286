//! All workloads' state: events in, actions out.

mod action;
mod backoff;
mod deadlines;
mod explain;
mod history;
mod scaled;

use std::collections::HashMap;
use std::time::Duration;

use config::link::Up;
use config::{Failure, Pod, Route, Time, Workload, WorkloadId};

use self::deadlines::Deadlines;
use self::scaled::Scaled;
use crate::decide::TICK;

pub use action::Action;
pub use explain::{Decided, Explanation, LoadNow, Status, ToZeroNow};

/// What the engine is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// How long after the whole second a tick comes, so that the reports of the last second are in.
    pub tick_offset: Duration,
    /// What becomes of a workload that is first seen without pods.
    pub start: StartAs,
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
    deadlines: Deadlines,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Entry {
    scaled: Scaled,
    /// The one deadline that is not stale.
    due: Option<Time>,
}

impl Engine {
    /// An engine that knows no workload.
    pub fn new(settings: EngineSettings) -> Engine {
        Engine { settings, workloads: HashMap::new(), deadlines: Deadlines::default(), actions: Vec::new() }
    }

    /// The workload is new, or its settings changed; the platform has been asked for `replicas` pods so far.
    pub fn workload(&mut self, now: Time, workload: &Workload, replicas: u32) {
        if !self.workloads.contains_key(&workload.id) {
            let scaled = Scaled::new(now, workload, replicas, self.settings.start);
            self.workloads.insert(workload.id.clone(), Entry { scaled, due: None });
            self.with(now, &workload.id, |scaled, out| scaled.start(now, out));
        } else {
            self.with(now, &workload.id, |scaled, out| scaled.change(now, workload, replicas, out));
        }
    }

    /// The workload is no more.
    pub fn workload_gone(&mut self, _now: Time, id: &WorkloadId) {
        self.workloads.remove(id);
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
            // Pods are known from the platform, activators from the driver.
            Up::Hello { .. } | Up::State { .. } | Up::Heartbeat { .. } => {}
            Up::Report { reporter, workload, report } => {
                self.with(now, &workload, |scaled, out| scaled.report(now, &reporter, &report, out));
            }
            Up::Left { reporter, workload } => {
                self.with(now, &workload, |scaled, out| scaled.left(now, &reporter, out));
            }
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

    /// One line about each workload, by name.
    pub fn status(&self) -> impl Iterator<Item = Status> {
        let mut all: Vec<&Entry> = self.workloads.values().collect();
        all.sort_unstable_by_key(|entry| &entry.scaled.id);
        all.into_iter().map(|entry| Status::of(&entry.scaled))
    }

    /// Does something to a workload, if there is such a one, and sees to its next deadline.
    fn with(&mut self, now: Time, id: &WorkloadId, event: impl FnOnce(&mut Scaled, &mut Vec<Action>)) {
        let Some(entry) = self.workloads.get_mut(id) else { return };
        event(&mut entry.scaled, &mut self.actions);
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
