//! Pods that take long to start get no flood of others: those on their way count.

use std::collections::VecDeque;

use autoscaler::{Action, Engine, Explanation, StartAs};
use config::link::{Reporter, Up};
use config::{Departure, Mode, Pod, PodId, PodState, Policy, Report, Time, Without, Workload};

use crate::world::{secs, settings, workload};

/// Ten steps are a second.
const STEP: f64 = 0.1;

/// Requests that come evenly, wait in one line for a free slot of ten a pod, and then take a while.
struct Shop {
    engine: Engine,
    workload: Workload,
    step: u64,
    start_seconds: f64,
    steps_a_request: usize,
    /// Pods by when they become ready.
    pods: Vec<(u64, bool)>,
    created: usize,
    waiting: u32,
    /// How many leave after each of the next steps.
    served: VecDeque<u32>,
    held_ns: u64,
    served_ns: u64,
    admitted: u64,
    most_asked: u32,
}

const NANOS: f64 = 1e9;

impl Shop {
    fn new(policy: Policy, start_seconds: f64, steps_a_request: usize) -> Shop {
        let mut shop = Shop {
            engine: Engine::new(settings(StartAs::Zero)),
            workload: workload(Policy { total: 10.0, target: 7.0, ..policy }),
            step: 1_000,
            start_seconds,
            steps_a_request,
            pods: Vec::new(),
            created: 0,
            waiting: 0,
            served: VecDeque::from(vec![0; steps_a_request]),
            held_ns: 0,
            served_ns: 0,
            admitted: 0,
            most_asked: 0,
        };
        shop.engine.workload(shop.now(), &shop.workload, 0);
        shop.obey();
        shop
    }

    fn now(&self) -> Time {
        secs(self.step as f64 * STEP)
    }

    fn id(&self) -> config::WorkloadId {
        self.workload.id.clone()
    }

    fn in_service(&self) -> u32 {
        self.served.iter().sum()
    }

    fn ready(&self) -> u32 {
        self.pods.iter().filter(|(_, ready)| *ready).count() as u32
    }

    /// Lets `seconds` pass, with so many new requests at each step.
    fn run(&mut self, seconds: u64, arrivals: u32) {
        for _ in 0..seconds * 10 {
            self.step += 1;
            for index in 0..self.pods.len() {
                if !self.pods[index].1 && self.pods[index].0 <= self.step {
                    self.pods[index].1 = true;
                    self.announce(index, PodState::Ready);
                }
            }
            self.serve(arrivals);
            let asleep = self.pods.is_empty() && self.waiting > 0;
            if self.step.is_multiple_of(10) || asleep {
                self.report();
            }
            let due = self.now() + std::time::Duration::from_millis(60);
            self.engine.advance(due);
            self.obey();
            self.most_asked = self.most_asked.max(self.explain().asked);
        }
    }

    fn serve(&mut self, arrivals: u32) {
        self.served.pop_front();
        self.waiting += arrivals;
        let free = (self.ready() * 10).saturating_sub(self.in_service());
        let admitted = self.waiting.min(free);
        self.waiting -= admitted;
        self.served.push_back(admitted);
        self.admitted += u64::from(admitted);
        self.held_ns += (f64::from(self.waiting) * STEP * NANOS) as u64;
        self.served_ns += (f64::from(self.in_service()) * STEP * NANOS) as u64;
        assert_eq!(self.served.len(), self.steps_a_request);
    }

    fn report(&mut self) {
        let to = self.now();
        let from = secs(to.as_secs_f64() - (if self.step.is_multiple_of(10) { 1.0 } else { STEP }));
        let (waiting, in_service) = (self.waiting, self.in_service());
        let held = Report {
            from,
            to,
            concurrency_ns: std::mem::take(&mut self.held_ns),
            peak: waiting,
            in_flight: waiting,
            waiting,
            open: waiting + in_service,
            ..Report::default()
        };
        let served = Report {
            from,
            to,
            concurrency_ns: std::mem::take(&mut self.served_ns),
            arrived: std::mem::take(&mut self.admitted),
            peak: in_service,
            in_flight: in_service,
            open: in_service,
            ..Report::default()
        };
        let activator = Reporter::Activator("activator".into());
        self.engine.up(to, Up::Report { reporter: activator, workload: self.id(), report: held });
        if self.ready() > 0 {
            // One reporter stands for all pods: what it says adds up all the same.
            let pod = Reporter::Pod(PodId::new("hello-1"));
            self.engine.up(to, Up::Report { reporter: pod, workload: self.id(), report: served });
        }
        self.obey();
    }

    fn announce(&mut self, index: usize, state: PodState) {
        let pod = Pod {
            id: PodId::new(&format!("hello-{}", index + 1)),
            workload: self.id(),
            address: ([127, 0, 0, 1], 20_000).into(),
            state,
            has_queue_proxy: true,
            created: self.now(),
        };
        self.engine.pod(self.now(), &pod);
    }

    fn obey(&mut self) {
        for action in self.engine.take_actions() {
            match action {
                Action::Scale { pods, .. } => {
                    while self.pods.len() < pods as usize {
                        self.created += 1;
                        self.pods.push((self.step + (self.start_seconds / STEP) as u64, false));
                        self.announce(self.pods.len() - 1, PodState::Starting);
                    }
                    while self.pods.len() > pods as usize {
                        self.announce(self.pods.len() - 1, PodState::Gone);
                        self.pods.pop();
                    }
                }
                Action::Route { route, .. } => {
                    let id = self.id();
                    self.engine.route_is_true(self.now(), &id, route);
                }
                Action::Settings { .. } | Action::Leave { .. } | Action::Busy { .. } => {}
            }
        }
    }

    fn explain(&self) -> Explanation {
        self.engine.explain(self.now(), &self.workload.id).expect("it is known")
    }
}

fn without() -> Policy {
    Policy { without: Without::NOTHING.and(Departure::StartingCounts), ..Policy::default() }
}

/// Twenty requests a second that take half a second each: two pods' worth.
fn steady(policy: Policy) -> Shop {
    let mut shop = Shop::new(policy, 20.0, 5);
    shop.run(120, 2);
    shop
}

#[test]
fn a_line_that_grows_while_pods_start_asks_for_no_others() {
    let ours = steady(Policy::default());
    assert!(ours.most_asked <= 6, "{} pods for two pods' worth of load", ours.most_asked);
    assert_eq!(ours.waiting, 0, "the line was worked off");
    assert!((2..=4).contains(&ours.ready()));
    let knative = steady(Policy { mode: Mode::Knative, ..Policy::default() }).most_asked;
    let switched_off = steady(without()).most_asked;
    println!(
        "20 requests a second of 0.5 s, pods ready after 20 s: {} pods; in Knative's mode {knative}",
        ours.most_asked
    );
    assert!(knative > 20 && switched_off > 20, "{knative}, {switched_off}");
}

#[test]
fn a_burst_at_zero_gets_what_it_needs_at_once() {
    let mut shop = Shop::new(Policy::default(), 20.0, 5);
    shop.run(1, 20);
    assert!(shop.most_asked >= 20, "{}", shop.most_asked);
    let asked = shop.most_asked;
    shop.run(19, 2);
    assert_eq!(shop.most_asked, asked);
    assert_eq!(shop.explain().asked, asked, "and none of it is taken back before it came");
    let reasons = &shop.explain().decisions[0].decision.reasons;
    assert!(reasons.iter().any(|reason| reason.rule == "starting-counts"), "{reasons:?}");
}

#[test]
fn a_second_burst_while_pods_start_is_answered_at_once() {
    let mut shop = Shop::new(Policy::default(), 20.0, 5);
    shop.run(10, 1);
    let before = shop.most_asked;
    shop.run(1, 40);
    assert!(before <= 3 && shop.most_asked >= 40, "{before}, then {}", shop.most_asked);
}

#[test]
fn long_requests_still_add_up() {
    let mut shop = Shop::new(Policy::default(), 5.0, 300);
    shop.run(120, 1);
    // Ten a second that stay for thirty seconds are 300 in flight.
    assert!(shop.ready() >= 40, "{} ready", shop.ready());
}

#[test]
fn pods_that_never_come_are_not_counted_on_for_ever() {
    let mut shop = Shop::new(Policy::default(), 2.0, 5);
    shop.run(20, 2);
    let asked = shop.explain().asked;
    assert!(shop.explain().time_to_ready_seconds.is_some_and(|seconds| (2.0..2.2).contains(&seconds)));
    shop.start_seconds = 10_000.0;
    shop.run(4, 20);
    let more = shop.explain().asked;
    assert!(more > asked);
    shop.run(30, 20);
    assert!(shop.explain().asked > 2 * more, "they are overdue, and what waits counts again: {}", shop.explain().asked);
}
