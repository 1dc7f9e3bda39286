//! Ready pods that clients reach directly, each with a queue-proxy whose Link may live or not, and an autoscaler that finds
//! them there.

use autoscaler::{Action, Engine, EngineSettings, Explanation, Reporters, StartAs};
use config::link::{Reporter, Up};
use config::{Pod, PodId, PodState, Policy, Report, Route, Time, Workload};

use crate::world::{secs, settings, workload};

pub(crate) struct Fleet {
    pub(crate) engine: Engine,
    workload: Workload,
    now: Time,
    /// Requests in flight at each pod, while its Link lives.
    load: u32,
    linked: Vec<bool>,
    /// Scales asked for: when, how many, by which rule.
    pub(crate) scales: Vec<(f64, u32, &'static str)>,
    pub(crate) routes: Vec<(f64, Route)>,
    pub(crate) leaves: Vec<f64>,
    /// The driver says that a route is true as soon as it is asked for.
    pub(crate) route_obeys: bool,
}

impl Fleet {
    /// So many ready pods at 100 s; none of them spoke yet.
    pub(crate) fn found(pods: u32, load: u32, policy: Policy) -> Fleet {
        Fleet::found_in(PodState::Ready, pods, load, policy)
    }

    /// As [`Fleet::found`], by a platform that leaves it to pods to say that they are ready.
    pub(crate) fn found_unheard(pods: u32, load: u32, policy: Policy) -> Fleet {
        Fleet::found_in(PodState::Starting, pods, load, policy)
    }

    fn found_in(state: PodState, pods: u32, load: u32, policy: Policy) -> Fleet {
        let settings = EngineSettings { reporters: Reporters::Linked, ..settings(StartAs::Zero) };
        let mut fleet = Fleet {
            engine: Engine::new(settings),
            workload: workload(policy),
            now: secs(100.0),
            load,
            linked: vec![false; pods as usize],
            scales: Vec::new(),
            routes: Vec::new(),
            leaves: Vec::new(),
            route_obeys: true,
        };
        fleet.engine.workload(fleet.now, &fleet.workload, pods);
        (0..pods as usize).for_each(|index| fleet.announce(index, state));
        fleet.obey();
        fleet
    }

    pub(crate) fn now(&self) -> f64 {
        self.now.as_secs_f64()
    }

    fn id(index: usize) -> PodId {
        PodId::new(&format!("hello-{index}"))
    }

    fn announce(&mut self, index: usize, state: PodState) {
        let pod = Pod {
            id: Fleet::id(index),
            workload: self.workload.id.clone(),
            address: ([10, 0, 0, index as u8], 8012).into(),
            state,
            has_queue_proxy: true,
            created: self.now,
        };
        self.engine.pod(self.now, &pod);
    }

    /// The pod's queue-proxy opens its Link.
    pub(crate) fn hello(&mut self, index: usize) {
        self.linked[index] = true;
        self.say_hello(Reporter::Pod(Fleet::id(index)));
    }

    pub(crate) fn all_say_hello(&mut self) {
        (0..self.linked.len()).for_each(|index| self.hello(index));
    }

    pub(crate) fn say_hello(&mut self, reporter: Reporter) {
        self.say_hello_as(reporter, 1);
    }

    /// A process of this incarnation opens its Link.
    pub(crate) fn say_hello_as(&mut self, reporter: Reporter, incarnation: u64) {
        let workload = matches!(reporter, Reporter::Pod(_)).then(|| self.workload.id.clone());
        let address = ([10, 0, 0, 1], 8012).into();
        let hello = Up::Hello { reporter, incarnation, workload, address, at: self.now, token: None };
        self.engine.up(self.now, hello);
        self.obey();
    }

    /// The pod's Link dies.
    pub(crate) fn lose(&mut self, index: usize) {
        self.linked[index] = false;
        self.engine.lost(self.now, &Reporter::Pod(Fleet::id(index)));
        self.obey();
    }

    /// The pod's Link dies, with all that the hub makes of it: who is not linked counts as starting.
    pub(crate) fn fall_silent(&mut self, index: usize) {
        self.lose(index);
        self.announce(index, PodState::Starting);
        self.obey();
    }

    /// The pod's queue-proxy opens its Link, and says that it is ready.
    pub(crate) fn speak_up(&mut self, index: usize) {
        self.hello(index);
        self.announce(index, PodState::Ready);
        self.obey();
    }

    /// The pod has nothing to report until it says hello.
    pub(crate) fn mute(&mut self, index: usize) {
        self.linked[index] = false;
    }

    /// The platform names one more pod, which has not spoken yet.
    pub(crate) fn announce_another(&mut self) {
        self.linked.push(false);
        self.announce(self.linked.len() - 1, PodState::Starting);
        self.obey();
    }

    /// From now on each pod has so many in flight.
    pub(crate) fn set_load(&mut self, load: u32) {
        self.load = load;
    }

    /// The platform announces the workload anew.
    pub(crate) fn announce_anew(&mut self) {
        self.engine.workload(self.now, &self.workload, self.linked.len() as u32);
        (0..self.linked.len()).for_each(|index| self.announce(index, PodState::Ready));
        self.obey();
    }

    pub(crate) fn set_policy(&mut self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.workload.policy);
        let asked = self.explain().asked;
        self.engine.workload(self.now, &self.workload, asked);
        self.obey();
    }

    /// Lets seconds pass: at each one the linked pods report, and every other one is a tick.
    pub(crate) fn run(&mut self, seconds: u32) {
        for _ in 0..seconds {
            let from = Time::from_nanos(self.now.second() * 1_000_000_000);
            self.now = secs(from.as_secs_f64() + 1.0);
            for index in 0..self.linked.len() {
                if self.linked[index] {
                    self.report(Reporter::Pod(Fleet::id(index)), from, self.load);
                }
            }
            self.now = secs(self.now.as_secs_f64() + 0.06);
            self.engine.advance(self.now);
            self.obey();
        }
    }

    /// The pod reports at once, a tenth of a second later.
    pub(crate) fn report_from(&mut self, index: usize, from: Time, load: u32) {
        self.now = secs(self.now() + 0.1);
        self.report(Reporter::Pod(Fleet::id(index)), from, load);
    }

    pub(crate) fn report(&mut self, reporter: Reporter, from: Time, load: u32) {
        let to = self.now;
        let report = Report {
            from,
            to,
            concurrency_ns: u64::from(load) * to.since(from).as_nanos() as u64,
            arrived: load.into(),
            peak: load,
            in_flight: load,
            open: load,
            ..Report::default()
        };
        self.engine.up(to, Up::Report { reporter, workload: self.workload.id.clone(), report });
        self.obey();
    }

    pub(crate) fn explain(&self) -> Explanation {
        self.engine.explain(self.now, &self.workload.id).expect("the workload is known")
    }

    pub(crate) fn route_is_true(&mut self, route: Route) {
        self.engine.route_is_true(self.now, &self.workload.id, route);
        self.obey();
    }

    fn obey(&mut self) {
        for action in self.engine.take_actions() {
            let at = self.now();
            match action {
                Action::Scale { pods, why, .. } => {
                    self.scales.push((at, pods, why.rule));
                    for index in pods as usize..self.linked.len() {
                        self.announce(index, PodState::Gone);
                    }
                    self.linked.truncate(pods as usize);
                }
                Action::Route { route, .. } => {
                    self.routes.push((at, route));
                    if self.route_obeys {
                        self.engine.route_is_true(self.now, &self.workload.id, route);
                    }
                }
                Action::Leave { .. } => self.leaves.push(at),
                Action::Settings { .. } | Action::Busy { .. } => {}
            }
        }
    }
}
