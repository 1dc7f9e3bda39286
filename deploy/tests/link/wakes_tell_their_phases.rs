use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::PodState::{Ready, Starting};
use config::link::Up;
use config::{Platform, PlatformError, PlatformEvent, Report, Route, Time, WorkloadId};
use deploy::drive::Driver;
use deploy::narrate::Narrator;
use deploy::wakes::{Wakes, Woken};
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::world::{
    Autoscaler, SECOND, Speaker, activator, hello, hello_of, of_pod, pod, report_to, state_of, workload,
};

const MS: Duration = Duration::from_millis(1);

/// A platform that is another process: what is asked for is on its way for some time.
struct Elsewhere {
    clock: Clock,
    wakes: Wakes,
    events: Mutex<Option<mpsc::Receiver<PlatformEvent>>>,
    asked: mpsc::Sender<u32>,
}

impl Platform for Elsewhere {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        let events = self.events.lock().take().expect("it is asked once");
        let next = |mut events: mpsc::Receiver<PlatformEvent>| async { Some((events.recv().await?, events)) };
        let events: Pin<Box<dyn Stream<Item = PlatformEvent> + Send>> = Box::pin(stream::unfold(events, next));
        events
    }

    async fn scale(&self, workload: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
        sleep(3 * MS).await; // others come first
        self.wakes.sent(workload, self.clock.now());
        sleep(6 * MS).await;
        self.asked.send(pods).await.map_err(|_| PlatformError::UnknownWorkload(workload.clone()))
    }

    async fn route(&self, _: &WorkloadId, _: Route) -> Result<(), PlatformError> {
        Ok(())
    }
}

/// An autoscaler with its engine and a platform; an activator is linked.
struct World {
    autoscaler: Autoscaler,
    events: mpsc::Sender<PlatformEvent>,
    asked: mpsc::Receiver<u32>,
    activator: Speaker,
}

impl World {
    async fn start() -> World {
        let mut autoscaler = Autoscaler::start(1);
        let (clock, hub) = (autoscaler.clock, Arc::clone(&autoscaler.hub));
        let ((events, told), (asks, asked)) = (mpsc::channel(16), mpsc::channel(16));
        let platform = Elsewhere { clock, wakes: hub.wakes(), events: Mutex::new(Some(told)), asked: asks };
        let settings = EngineSettings { tick_offset: 50 * MS, start: StartAs::Zero, reporters: Reporters::Linked };
        let driver = Driver {
            platform: Arc::new(platform),
            engine: Arc::new(Mutex::new(Engine::new(settings))),
            fronts: hub,
            clock,
            frames: autoscaler.take_heard(),
            narrator: Narrator::new(autoscaler.hub.wakes()),
        };
        autoscaler.tasks.spawn(driver.run());
        let workload = PlatformEvent::Workload(Arc::new(workload(hello())), 0);
        events.send(workload).await.expect("the driver lives");
        let activator = autoscaler.linked(activator("a"), 7).await;
        sleep(SECOND).await;
        World { autoscaler, events, asked, activator }
    }

    fn now(&self) -> Time {
        self.autoscaler.clock.now()
    }

    fn wakes(&self) -> Vec<Woken> {
        self.autoscaler.hub.wakes().of(&hello())
    }

    /// One request waits at the activator.
    async fn holds(&mut self) {
        let Up::Report { reporter, workload, report } = report_to(activator("a"), hello(), 0, self.now()) else {
            panic!("a report")
        };
        let report = Report { seq: 1, arrived: 1, peak: 1, in_flight: 0, waiting: 1, open: 1, ..report };
        self.activator.say(&Up::Report { reporter, workload, report }).await;
    }
}

fn woke(workload: WorkloadId, [held_at, released_at, first_byte]: [Time; 3]) -> Up {
    let (reporter, first_byte) = (activator("a"), Some(first_byte));
    Up::Woke { reporter, workload, held_at, released_at, requests: 1, first_byte }
}

#[tokio::test(start_paused = true)]
async fn a_wake_across_processes_is_explained_from_the_held_request_to_the_first_byte() {
    let mut world = World::start().await;
    let held_at = world.now();
    sleep(2 * MS).await;
    world.holds().await;
    assert_eq!(world.asked.recv().await, Some(1), "the engine decides at once");
    assert!(world.now().since(held_at) < 15 * MS, "{:?}", world.now().since(held_at));
    sleep(20 * MS).await;
    world.events.send(PlatformEvent::Pod(pod("x", Starting))).await.expect("the driver lives");
    sleep(900 * MS).await;
    let mut queue_proxy = world.autoscaler.linked(of_pod("x"), 9).await;
    sleep(40 * MS).await;
    queue_proxy.say(&state_of("x", Ready)).await;
    sleep(SECOND).await; // it is told, and what was held goes to it
    let ready_at = held_at + 974 * MS;
    let times = [held_at, ready_at + 3 * MS, ready_at + 10 * MS];
    world.activator.say(&woke(hello(), times)).await;
    sleep(10 * MS).await;

    let wakes = world.wakes();
    assert_eq!(wakes.len(), 1);
    let took: Vec<_> = wakes[0].phases().map(|(phase, from, to)| (phase.word(), to.since(from).as_millis())).collect();
    let words = ["decided", "sent", "asked", "placed", "hello", "ready", "handed-over", "first-byte"];
    assert_eq!(took.iter().map(|(word, _)| *word).collect::<Vec<_>>(), words);
    let around = [2, 3, 6, 20, 900, 40, 3, 7];
    let near = |(took, around): (&(_, u128), u128)| took.1.abs_diff(around) <= 3;
    assert!(took.iter().zip(around).all(near), "{took:?}");
    assert_eq!(took.iter().map(|(_, took)| took).sum::<u128>(), 984, "together they are the wake: {took:?}");

    let told = wakes[0].told(world.now());
    assert_eq!((&told["phases"][1]["phase"], &told["pod"]), (&"sent".into(), &"x".into()));
    assert_eq!(told["why"]["pods"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_wake_is_put_on_the_autoscalers_clock_and_believed_of_activators_that_know_the_workload_only() {
    let mut world = World::start().await;
    sleep(100 * SECOND).await;
    let ahead = |time: Time| time + 3_200 * MS;
    let (held_at, now) = (world.now(), world.now());
    let mut other = world.autoscaler.connect().await;
    other.say(&hello_of(activator("b"), 8, ahead(now))).await;
    let of_b = |times: [Time; 3], workload| match woke(workload, times.map(ahead)) {
        Up::Woke { workload, held_at, released_at, requests, first_byte, .. } => {
            Up::Woke { reporter: activator("b"), workload, held_at, released_at, requests, first_byte }
        }
        other => other,
    };
    other.say(&of_b([held_at, held_at + 60 * SECOND, held_at + 60 * SECOND], hello())).await; // tomorrow's
    other.say(&of_b([held_at - SECOND, held_at, held_at], "unknown".parse().expect("a name"))).await;
    other.say(&woke(hello(), [held_at; 3])).await; // another's
    let mut pod = world.autoscaler.linked(of_pod("x"), 9).await;
    let Up::Woke { workload, held_at: at, released_at, requests, .. } = woke(hello(), [held_at; 3]) else { return };
    pod.say(&Up::Woke { reporter: of_pod("x"), workload, held_at: at, released_at, requests, first_byte: None }).await;
    sleep(SECOND).await;
    assert!(world.wakes().is_empty(), "{:?}", world.wakes());
    assert!(world.autoscaler.hub.wakes().of(&"unknown".parse().expect("a name")).is_empty());

    other.say(&of_b([held_at - 2 * SECOND, held_at - SECOND, held_at - SECOND / 2], hello())).await;
    sleep(SECOND).await;
    let wakes = world.wakes();
    assert_eq!(wakes.len(), 1);
    assert_eq!(held_at.since(wakes[0].seen), 1_800 * MS, "by whole seconds");
    assert_eq!(wakes[0].took(), 1_500 * MS);
}
