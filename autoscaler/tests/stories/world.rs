//! One workload on a platform that obeys at once, with an activator and pods that report as theirs do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use autoscaler::{Action, Engine, EngineSettings, Explanation, Reporters, StartAs};
use config::link::{Reporter, Up};
use config::{Pod, PodId, PodState, Policy, Report, Route, Serving, Time, Workload, WorkloadId};

/// How long after a whole second reports come, and how long after it ticks.
const REPORTS_AFTER: Duration = Duration::from_millis(5);
const TICKS_AFTER: Duration = Duration::from_millis(50);

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: Time,
    pub(crate) workload: Workload,
    /// When each pod becomes, or became, ready.
    pods: Vec<(PodId, Time, PodState)>,
    created: u32,
    pub(crate) ready_after: Duration,
    /// Requests that are open from the first time to the second: at the activator while no pod is ready.
    requests: Vec<(Time, Time)>,
    reported_until: Time,
    pub(crate) route: Option<Route>,
    pub(crate) watermark: Option<u32>,
    /// More open requests than this are reported at once.
    alarm: u32,
    /// How often a watermark was set, and how often it made a report due.
    pub(crate) settings: usize,
    pub(crate) urgent: usize,
    /// Scales asked for: when, how many, by which rule.
    pub(crate) scales: Vec<(f64, u32, &'static str)>,
    pub(crate) routes: Vec<(f64, Route)>,
    /// When it was told to be busy, and no more.
    pub(crate) edges: Vec<(f64, bool)>,
    /// The driver says that the route is true as soon as it is asked for.
    pub(crate) route_obeys: bool,
}

pub(crate) fn secs(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

pub(crate) fn settings(start: StartAs) -> EngineSettings {
    EngineSettings { tick_offset: TICKS_AFTER, start, reporters: Reporters::InProcess }
}

pub(crate) fn workload(policy: Policy) -> Workload {
    let id = WorkloadId::new("default", "Deployment", "hello");
    Workload { id, policy, serving: Serving::default(), hosts: Vec::new() }
}

fn activator() -> Reporter {
    Reporter::Activator(Arc::from("activator"))
}

impl World {
    /// A workload at zero, first seen at 100 s.
    pub(crate) fn asleep(policy: Policy) -> World {
        World::new(policy, StartAs::Zero, 0)
    }

    pub(crate) fn new(policy: Policy, start: StartAs, replicas: u32) -> World {
        World::with_pods_ready_after(Duration::from_millis(100), policy, start, replicas)
    }

    /// The same with so many pods, and no autoscaler had it before.
    pub(crate) fn adopted(policy: Policy, replicas: u32) -> World {
        let mut world = World::unknown(Duration::from_millis(100), policy, StartAs::Zero);
        let workload = world.workload.clone();
        world.engine.adopt(world.now, &workload, replicas);
        world.create(replicas as usize);
        world.obey();
        world
    }

    pub(crate) fn with_pods_ready_after(ready_after: Duration, policy: Policy, start: StartAs, replicas: u32) -> World {
        let mut world = World::unknown(ready_after, policy, start);
        let workload = world.workload.clone();
        world.engine.workload(world.now, &workload, replicas);
        world.create(replicas as usize);
        world.obey();
        world
    }

    /// The workload before the engine knows it.
    fn unknown(ready_after: Duration, policy: Policy, start: StartAs) -> World {
        let now = secs(100.0);
        World {
            engine: Engine::new(settings(start)),
            now,
            workload: workload(policy),
            pods: Vec::new(),
            created: 0,
            ready_after,
            requests: Vec::new(),
            reported_until: now,
            route: None,
            watermark: None,
            alarm: u32::MAX,
            settings: 0,
            urgent: 0,
            scales: Vec::new(),
            routes: Vec::new(),
            edges: Vec::new(),
            route_obeys: true,
        }
    }

    pub(crate) fn id(&self) -> &WorkloadId {
        &self.workload.id
    }

    /// A request comes at `from` and is answered at `to`.
    pub(crate) fn request(&mut self, from: f64, to: f64) {
        self.requests.push((secs(from), secs(to)));
    }

    /// Lets time pass up to `until`, in order: reports, pods, deadlines.
    pub(crate) fn run(&mut self, until: f64) {
        let until = secs(until);
        while let Some(at) = self.next_event().filter(|&at| at <= until) {
            self.now = at;
            self.pods_become_ready();
            self.wake();
            self.report();
            if self.engine.next_deadline().is_some_and(|due| due <= at) {
                self.engine.advance(at);
            }
            self.obey();
        }
        self.now = until;
    }

    pub(crate) fn explain(&self) -> Explanation {
        self.engine.explain(self.now, self.id()).expect("the workload is known")
    }

    pub(crate) fn pods(&self, state: PodState) -> usize {
        self.pods.iter().filter(|(_, _, s)| *s == state).count()
    }

    /// The number of pods asked for last, and the rule that asked.
    pub(crate) fn last_scale(&self) -> Option<(u32, &'static str)> {
        self.scales.last().map(|&(_, pods, rule)| (pods, rule))
    }

    fn next_event(&self) -> Option<Time> {
        let report = Time::from_nanos((self.reported_until.second() + 1) * 1_000_000_000) + REPORTS_AFTER;
        let starting = self.pods.iter().filter(|(_, _, state)| *state == PodState::Starting).map(|&(_, at, _)| at);
        let arrivals = self.requests.iter().map(|&(from, _)| from).filter(|&from| from > self.now);
        let deadline = self.engine.next_deadline().map(|due| due.max(self.now));
        starting.chain(arrivals).chain([report]).chain(deadline).min()
    }

    /// More open requests than the watermark says are reported at once, with what the second has brought so far, and
    /// next when there are twice as many: as the activator's ledger does it.
    fn wake(&mut self) {
        let now = self.now;
        let (in_flight, _) = self.open_at(now);
        if in_flight <= self.alarm || !self.requests.iter().any(|&(from, _)| from == now) {
            return;
        }
        self.urgent += 1;
        self.report_until(now);
    }

    fn report(&mut self) {
        let end = Time::from_nanos(self.now.second() * 1_000_000_000);
        if end <= self.reported_until || self.now < end + REPORTS_AFTER {
            return;
        }
        self.report_until(end);
    }

    fn report_until(&mut self, end: Time) {
        let start = self.reported_until;
        self.reported_until = end;
        let overlap = |from: Time, to: Time| to.min(end).since(from.max(start)).as_nanos() as u64;
        let there: Vec<_> = self.requests.iter().filter(|&&(from, to)| from <= end && to >= start).collect();
        if there.is_empty() {
            return;
        }
        let (in_flight, waiting) = self.open_at(end);
        let watermark = self.watermark.unwrap_or(u32::MAX);
        self.alarm = if in_flight > watermark { in_flight.saturating_mul(2) } else { watermark };
        let report = Report {
            from: start,
            to: end,
            concurrency_ns: there.iter().map(|&&(from, to)| overlap(from, to)).sum(),
            arrived: there.iter().filter(|&&&(from, _)| from >= start).count() as u64,
            peak: there.len() as u32,
            in_flight,
            waiting,
            open: in_flight,
            ..Report::default()
        };
        self.send(activator(), report);
    }

    fn open_at(&self, at: Time) -> (u32, u32) {
        let open = self.requests.iter().filter(|&&(from, to)| from <= at && at < to).count() as u32;
        (open, if self.pods(PodState::Ready) == 0 { open } else { 0 })
    }

    pub(crate) fn send(&mut self, reporter: Reporter, report: Report) {
        let workload = self.id().clone();
        self.engine.up(self.now, Up::Report { reporter, workload, report });
    }

    fn create(&mut self, pods: usize) {
        while self.pods.len() < pods {
            self.created += 1;
            let id = PodId::new(&format!("hello-{}", self.created));
            self.pods.push((id, self.now + self.ready_after, PodState::Starting));
            self.announce(self.pods.len() - 1);
        }
    }

    /// Creates or ends pods until there are so many.
    fn have(&mut self, pods: usize) {
        self.create(pods);
        while self.pods.len() > pods {
            let (id, _, _) = self.pods.pop().expect("there is one too many");
            self.tell(id.clone(), PodState::Draining);
            self.tell(id, PodState::Gone);
        }
    }

    /// Somebody else changes how many pods there should be.
    pub(crate) fn somebody_asks_for(&mut self, pods: u32) {
        let id = self.id().clone();
        self.engine.replicas_changed(self.now, &id, pods);
        self.have(pods as usize);
        self.obey();
    }

    fn pods_become_ready(&mut self) {
        for index in 0..self.pods.len() {
            if self.pods[index].2 == PodState::Starting && self.pods[index].1 <= self.now {
                self.pods[index].2 = PodState::Ready;
                self.announce(index);
            }
        }
    }

    fn announce(&mut self, index: usize) {
        let (id, _, state) = self.pods[index].clone();
        self.tell(id, state);
    }

    pub(crate) fn tell(&mut self, id: PodId, state: PodState) {
        let pod = Pod {
            id,
            workload: self.id().clone(),
            address: SocketAddr::from(([127, 0, 0, 1], 20_000)),
            state,
            has_queue_proxy: true,
            created: self.now,
        };
        self.engine.pod(self.now, &pod);
    }

    /// Does what the engine wants, until it wants nothing.
    pub(crate) fn obey(&mut self) {
        loop {
            let actions = self.engine.take_actions();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.apply(action);
            }
        }
    }

    fn apply(&mut self, action: Action) {
        let at = self.now.as_secs_f64();
        match action {
            Action::Scale { pods, why, .. } => {
                self.scales.push((at, pods, why.rule));
                self.have(pods as usize);
            }
            Action::Route { route, .. } => {
                self.route = Some(route);
                self.routes.push((at, route));
                if self.route_obeys {
                    let id = self.id().clone();
                    self.engine.route_is_true(self.now, &id, route);
                }
            }
            Action::Settings { watermark, .. } => {
                self.watermark = Some(watermark);
                self.alarm = watermark;
                self.settings += 1;
            }
            Action::Leave { .. } => {}
            Action::Busy { is_busy, .. } => self.edges.push((at, is_busy)),
        }
    }
}
