//! Whatever way requests go, held, refused, offered again, direct, tried elsewhere, left by their clients: all counters
//! together count the time that each was there, and each arrival once; and all read zero in the end.

use std::sync::Arc;
use std::time::Duration;

use activator::Activator;
use config::link::Up;
use config::{Pod, PodState, bounds};
use proptest::prelude::*;
use tokio::task::JoinHandle;

use crate::remote::{Remote, counted_at_gates, sum};
use crate::support::{Answer, Stage, get, leaving};

#[derive(Clone, Debug)]
enum Step {
    /// A client asks the first or the second activator for so many milliseconds.
    Ask(bool, u64),
    /// A client asks, and leaves after so many milliseconds.
    AskAndLeave(bool, u64),
    /// A client asks a pod directly.
    Direct(usize, u64),
    /// A client asks a pod directly, and leaves.
    DirectAndLeave(usize, u64),
    StartRemote,
    StartBare,
    /// The oldest pod is no longer to be used.
    PodGone,
    /// A pod is announced where nobody listens; it is gone before anybody tries it twice.
    DeadPod(bool),
    Wait(u64),
}

fn step(may_leave: bool) -> impl Strategy<Value = Step> {
    let leaves = u32::from(may_leave) * 2;
    prop_oneof![
        8 => (any::<bool>(), 0u64..60).prop_map(|(which, millis)| Step::Ask(which, millis)),
        leaves => (any::<bool>(), 0u64..40).prop_map(|(which, millis)| Step::AskAndLeave(which, millis)),
        3 => (any::<usize>(), 0u64..80).prop_map(|(pod, millis)| Step::Direct(pod, millis)),
        leaves => (any::<usize>(), 0u64..40).prop_map(|(pod, millis)| Step::DirectAndLeave(pod, millis)),
        2 => Just(Step::StartRemote),
        1 => Just(Step::StartBare),
        1 => Just(Step::PodGone),
        1 => any::<bool>().prop_map(Step::DeadPod),
        5 => (1u64..60).prop_map(Step::Wait),
    ]
}

/// Two activators, their pods and their clients.
struct World {
    stage: Arc<Stage>,
    activators: [Arc<Activator>; 2],
    pods: Vec<Remote>,
    /// Pods that are in use.
    used: Vec<Pod>,
    asked: Vec<JoinHandle<(Answer, Duration)>>,
    left: Vec<JoinHandle<Duration>>,
}

impl World {
    fn new(slots: u32) -> World {
        let stage = Arc::new(Stage::new(slots));
        let activators = [Arc::clone(&stage.activator), stage.another_activator("activator-1")];
        let (pods, used, asked, left) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        World { stage, activators, pods, used, asked, left }
    }

    fn announce(&self, pod: &Pod) {
        self.activators.iter().for_each(|activator| activator.set_remote_pod(pod));
    }

    fn start(&mut self, pod: Remote) {
        self.announce(&pod.pod);
        self.used.push(pod.pod.clone());
        self.pods.push(pod);
    }

    /// Notes how long the request was there, by the client's clock: nothing takes time on the way.
    fn ask(&mut self, sent: JoinHandle<Answer>) {
        let (stage, start) = (Arc::clone(&self.stage), self.stage.now());
        self.asked.push(tokio::spawn(async move {
            let answer = sent.await.expect("an answer");
            (answer, stage.now().since(start))
        }));
    }

    fn leave(&mut self, mut sent: JoinHandle<Answer>, millis: u64) {
        let (stage, start) = (Arc::clone(&self.stage), self.stage.now());
        self.left.push(tokio::spawn(async move {
            // One that found the line full was not there for as long as it meant to be.
            if tokio::time::timeout(Duration::from_millis(millis), &mut sent).await.is_err() {
                sent.abort();
            }
            stage.now().since(start)
        }));
    }

    fn front(&self, number: usize) -> Option<Arc<queue_proxy::Front>> {
        let fronts: Vec<_> = self.pods.iter().filter_map(|pod| pod.front.clone()).collect();
        fronts.get(number.checked_rem(fronts.len())?).cloned()
    }

    async fn take(&mut self, number: usize, step: Step, dead: &mut u32) {
        let name = format!("pod-{number}");
        let gateway = |which: bool| self.activators[usize::from(which)].gateway();
        let millis = Duration::from_millis;
        match step {
            Step::Ask(which, time) => self.ask(self.stage.send_to(gateway(which), get(millis(time), 0))),
            Step::AskAndLeave(which, after) => {
                self.leave(self.stage.send_to(gateway(which), leaving(millis(1_000))), after);
            }
            Step::Direct(pod, time) => {
                if let Some(front) = self.front(pod) {
                    self.ask(self.stage.send_to(front, get(millis(time), 0)));
                }
            }
            Step::DirectAndLeave(pod, after) => {
                if let Some(front) = self.front(pod) {
                    self.leave(self.stage.send_to(front, leaving(millis(1_000))), after);
                }
            }
            Step::StartRemote => self.start(self.stage.remote_pod(&name)),
            Step::StartBare => self.start(self.stage.bare_pod(&name)),
            Step::PodGone if self.used.is_empty() => {}
            Step::PodGone => {
                let pod = self.used.remove(0);
                self.announce(&Pod { state: PodState::Gone, ..pod });
            }
            // A request that met as many would be given up.
            Step::DeadPod(_) if *dead == bounds::FORWARD_TRIES - 1 => {}
            Step::DeadPod(has_queue_proxy) => {
                *dead += 1;
                let pod = self.stage.remote_at(&name, self.stage.address(), has_queue_proxy);
                self.announce(&pod);
                tokio::time::sleep(millis(4)).await;
                self.announce(&Pod { state: PodState::Gone, ..pod });
            }
            Step::Wait(time) => tokio::time::sleep(millis(time)).await,
        }
    }

    /// All that the activators counted.
    fn counted_by_activators(&self) -> (u64, u64) {
        let mut frames = Vec::new();
        self.activators.iter().for_each(|activator| activator.take_reports(false, &mut frames));
        let report = |frame| if let Up::Report { report, .. } = frame { Some(report) } else { None };
        sum(&frames.into_iter().filter_map(report).collect::<Vec<_>>())
    }

    fn is_quiet(&self) -> bool {
        let quiet = |activator: &Arc<Activator>| {
            let seen = activator.snapshot(&self.stage.id).expect("it is known");
            (seen.open, seen.held, seen.held_bytes) == (0, 0, 0)
                && seen.pods.iter().all(|pod| (pod.in_flight, pod.waiting) == (0, 0))
        };
        self.activators.iter().all(quiet)
            && self.pods.iter().filter_map(|pod| pod.front.as_ref()).all(|front| front.gate().inside() == (0, 0))
    }
}

async fn play(slots: u32, may_leave: bool, steps: Vec<Step>) {
    let mut world = World::new(slots);
    let mut dead = 0;
    for (number, step) in steps.into_iter().enumerate() {
        world.take(number, step, &mut dead).await;
    }
    world.start(world.stage.remote_pod("last"));
    let (mut sent, mut arrived, mut most_arrived) = (0, 0, 0);
    for left in std::mem::take(&mut world.left) {
        sent += left.await.expect("the client left").as_nanos() as u64;
        most_arrived += 1;
    }
    for asked in std::mem::take(&mut world.asked) {
        let (answer, time) = asked.await.expect("an answer");
        sent += time.as_nanos() as u64;
        match answer.status.as_u16() {
            200 => arrived += 1,
            // Only those that came directly, where the line was full.
            503 => {}
            other => panic!("{other} {:?}", answer.reason()),
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.is_quiet(), "{:?}", world.activators.each_ref().map(|one| one.snapshot(&world.stage.id)));
    let (here, there) = (world.counted_by_activators(), counted_at_gates(&world.pods));
    let counted = here.0 + there.0;
    assert!(counted.abs_diff(sent) < 1_000, "{counted} ns counted of {sent} ns: {here:?} here, {there:?} there");
    let all = here.1 + there.1;
    assert!(
        if may_leave { arrived <= all && all <= arrived + most_arrived } else { all == arrived },
        "{all} {arrived}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn over_random_paths(
        slots in prop_oneof![Just(0u32), Just(1), Just(2), Just(5)],
        (may_leave, steps) in any::<bool>().prop_flat_map(|may_leave| {
            (Just(may_leave), prop::collection::vec(step(may_leave), 1..100))
        }),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(play(slots, may_leave, steps));
    }
}
