//! Over random paths at one pod, the sum counted is the sum that was there.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use config::Report;
use proptest::prelude::*;
use queue_proxy::{Admission, Clock, Gate};

/// What happens next; the numbers choose among those that it may happen to.
#[derive(Clone, Debug)]
enum Step {
    Direct,
    MayRefuse,
    Ignored,
    /// The client of one that waits leaves.
    LeaveLine(usize),
    /// A response ends, or its client leaves.
    End(usize),
    /// The app cannot have seen one: it goes to another pod.
    TakeBack(usize),
    Slots(u32),
    Report(bool),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Direct),
        4 => Just(Step::MayRefuse),
        1 => Just(Step::Ignored),
        1 => any::<usize>().prop_map(Step::LeaveLine),
        4 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::TakeBack),
        1 => (0u32..25).prop_map(Step::Slots),
        1 => any::<bool>().prop_map(Step::Report),
        4 => (0u64..30).prop_map(Step::Wait),
        1 => (0u64..1_500).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..200)
}

type Entering = Pin<Box<dyn Future<Output = Option<Admission>>>>;

/// The requests, and what they sum up to, added up without the gate's help.
struct Pod {
    gate: Arc<Gate>,
    slots: u32,
    waiting: Vec<Entering>,
    inside: Vec<Admission>,
    ignored: Vec<Admission>,
    arrived: u64,
    taken_back: u64,
    area_ms: u64,
    reports: Vec<Report>,
}

impl Pod {
    fn enter(&mut self, mut entering: Entering) {
        match poll(&mut entering) {
            Poll::Ready(Some(admission)) => {
                self.arrived += 1;
                self.inside.push(admission);
            }
            Poll::Ready(None) => {}
            Poll::Pending => {
                self.arrived += 1;
                self.waiting.push(entering);
            }
        }
    }

    /// Lets those that wait hear what became of them.
    fn hear(&mut self) {
        let mut still = Vec::new();
        for mut entering in self.waiting.drain(..) {
            match poll(&mut entering) {
                Poll::Ready(Some(admission)) => self.inside.push(admission),
                Poll::Ready(None) => self.taken_back += 1,
                Poll::Pending => still.push(entering),
            }
        }
        self.waiting = still;
    }

    async fn step(&mut self, step: Step) {
        let gate = Arc::clone(&self.gate);
        match step {
            Step::Direct => self.enter(Box::pin(async move { gate.admit().await.ok() })),
            Step::MayRefuse => self.enter(Box::pin(async move { gate.admit_or_refuse().await.ok() })),
            Step::Ignored => self.ignored.extend(gate.try_admit_uncounted()),
            Step::LeaveLine(at) => drop(pick(&mut self.waiting, at)),
            Step::End(at) if at % 5 == 0 => drop(pick(&mut self.ignored, at / 5)),
            Step::End(at) => drop(pick(&mut self.inside, at)),
            Step::TakeBack(at) => {
                if let Some(admission) = pick(&mut self.inside, at) {
                    admission.take_back();
                    self.taken_back += 1;
                }
            }
            Step::Slots(slots) => {
                self.slots = slots;
                gate.set_slots(slots);
            }
            Step::Report(partial) => gate.take_reports(partial, &mut self.reports),
            Step::Wait(millis) => {
                for _ in 0..millis {
                    // By the millisecond, so that a refusal is heard when it happens.
                    self.area_ms += (self.inside.len() + self.waiting.len()) as u64;
                    tokio::time::advance(Duration::from_millis(1)).await;
                    self.hear();
                }
            }
        }
        self.hear();
    }

    fn check(&self) {
        let (in_flight, waiting) = self.gate.inside();
        assert_eq!(in_flight as usize, self.inside.len() + self.ignored.len());
        assert_eq!(waiting as usize, self.waiting.len());
        let is_free = self.slots == 0 || in_flight < self.slots;
        assert!(!is_free || waiting == 0, "{waiting} wait while a slot is free");
    }
}

/// Whatever tokio's budget of one task says: nothing here yields.
fn poll(entering: &mut Entering) -> Poll<Option<Admission>> {
    pin!(tokio::task::unconstrained(entering.as_mut())).poll(&mut Context::from_waker(Waker::noop()))
}

fn pick<T>(from: &mut Vec<T>, at: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(at % from.len()))
}

async fn run(slots: u32, steps: Vec<Step>) {
    let gate = Gate::new(slots, Clock::start());
    let mut pod = Pod {
        gate: Arc::clone(&gate),
        slots,
        waiting: Vec::new(),
        inside: Vec::new(),
        ignored: Vec::new(),
        arrived: 0,
        taken_back: 0,
        area_ms: 0,
        reports: Vec::new(),
    };
    for step in steps {
        pod.step(step).await;
        pod.check();
    }
    pod.waiting.clear();
    pod.inside.clear();
    pod.ignored.clear();
    assert_eq!(gate.inside(), (0, 0));
    gate.take_reports(true, &mut pod.reports);
    tokio::time::advance(Duration::from_secs(2)).await;
    let told = pod.reports.len();
    gate.take_reports(true, &mut pod.reports);
    // An arrival that was told before it was taken back is owed to the next one.
    let counted: u64 = pod.reports.iter().map(|report| report.arrived).sum();
    let owed = counted - (pod.arrived - pod.taken_back);
    for _ in 0..owed {
        drop(gate.try_admit());
    }
    gate.take_reports(true, &mut pod.reports);
    assert_eq!(pod.reports.iter().map(|report| report.arrived).sum::<u64>(), pod.arrived - pod.taken_back + owed);
    assert_eq!(pod.reports.iter().map(|report| report.concurrency_ns).sum::<u64>(), pod.area_ms * 1_000_000);
    assert!(pod.reports[told..].iter().all(|report| (report.in_flight, report.concurrency_ns) == (0, 0)), "level zero");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_sum_counted_is_the_sum_that_was_there(slots in 0u32..25, steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(slots, steps));
    }
}
