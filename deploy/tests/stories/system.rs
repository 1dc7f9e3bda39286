//! What `rouse run` wires, with pods in memory: gateway, activator, Link, driver, engine, platform.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use activator::{Activator, HoldLimits, Snapshot};
use autoscaler::{Engine, EngineSettings, Explanation, Reporters, StartAs};
use config::link::Up;
use config::{Pod, PodId, PodState, Policy, Serving, Time, Workload, WorkloadId};
use deploy::drive::Driver;
use deploy::external::Counted;
use deploy::link::{self, Heard};
use deploy::memory::{App, MemoryPlatform, Wish};
use deploy::narrate::Narrator;
use parking_lot::Mutex;
use queue_proxy::net::MemoryNetwork;
use queue_proxy::{Clock, Connections, Front};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// As `rouse run` has it.
const TICK_OFFSET: Duration = Duration::from_millis(50);

/// Every pod there ever was, as last told, with its front.
type Told = Arc<Mutex<BTreeMap<PodId, (Pod, Arc<Front>)>>>;

/// A whole system. Dropping it ends all its tasks.
pub(crate) struct System {
    pub(crate) platform: Arc<MemoryPlatform>,
    pub(crate) connections: Connections,
    #[cfg_attr(not(feature = "external-scaler"), allow(dead_code, reason = "only a scaler asks"))]
    pub(crate) counted: Counted,
    activator: Arc<Activator>,
    engine: Arc<Mutex<Engine>>,
    clock: Clock,
    network: MemoryNetwork,
    told: Told,
    frames: Arc<Mutex<Vec<Up>>>,
    _tasks: JoinSet<()>,
}

impl System {
    /// A system of one workload, called `hello`.
    pub(crate) fn of_one(policy: Policy, serving: Serving, app: App) -> System {
        System::new(HoldLimits::default(), vec![(workload("hello", policy, serving), app)])
    }

    pub(crate) fn new(limits: HoldLimits, workloads: Vec<(Workload, App)>) -> System {
        let (clock, network, told) = (Clock::start(), MemoryNetwork::default(), Told::default());
        let activator = Activator::new("rouse", clock, limits);
        for (workload, _) in &workloads {
            activator.set_workload(workload);
        }
        let on_pod = {
            let (activator, told) = (Arc::clone(&activator), Arc::clone(&told));
            Box::new(move |pod: &Pod, front: &Arc<Front>| {
                activator.set_pod(pod, front);
                told.lock().insert(pod.id.clone(), (pod.clone(), Arc::clone(front)));
            })
        };
        let platform = MemoryPlatform::new(network.clone(), clock, on_pod, workloads);
        let settings =
            EngineSettings { tick_offset: TICK_OFFSET, start: StartAs::Zero, reporters: Reporters::InProcess };
        let engine = Arc::new(Mutex::new(Engine::new(settings)));

        let counted = Counted::new(Arc::clone(&engine), clock);
        let mut tasks = JoinSet::new();
        let ((sender, tapped), (onward, frames)) = (link::channel(), link::channel());
        tasks.spawn(link::carry(Arc::clone(&activator), clock, sender));
        let heard = Arc::new(Mutex::new(Vec::new()));
        tasks.spawn(tap(Arc::clone(&heard), tapped, onward));
        let driver = Driver {
            platform: Arc::clone(&platform),
            engine: Arc::clone(&engine),
            fronts: Arc::clone(&activator),
            clock,
            frames,
            narrator: Narrator::new(platform.wakes().clone()).with_counted(counted.clone()),
        };
        tasks.spawn(driver.run());
        System {
            platform,
            connections: Connections::default(),
            counted,
            activator,
            engine,
            clock,
            network,
            told,
            frames: heard,
            _tasks: tasks,
        }
    }

    pub(crate) fn activator(&self) -> &Arc<Activator> {
        &self.activator
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.activator.snapshot(&hello()).expect("the workload is known")
    }

    pub(crate) fn explain(&self) -> Explanation {
        self.engine.lock().explain(self.clock.now(), &hello()).expect("the workload is known")
    }

    /// When the engine next has something to do; never, if it has no timer.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.engine.lock().next_deadline()
    }

    /// All that the Link has carried so far.
    pub(crate) fn frames(&self) -> Vec<Up> {
        self.frames.lock().clone()
    }

    /// The names and addresses of the pods that are in `state`.
    pub(crate) fn pods(&self, state: PodState) -> Vec<(PodId, SocketAddr)> {
        let told = self.told.lock();
        let there = told.values().filter(|(pod, _)| pod.state == state);
        there.map(|(pod, _)| (pod.id.clone(), pod.address)).collect()
    }

    /// From now on new connections to `address` are refused, though its pod is there.
    pub(crate) fn refuse_connections(&self, address: SocketAddr) {
        drop(self.network.listen(address));
    }

    /// The scale calls so far: to how many pods.
    pub(crate) fn scales(&self) -> Vec<u32> {
        let calls = self.platform.calls().into_iter();
        calls.filter_map(|call| if let Wish::Scale(pods) = call.wish { Some(pods) } else { None }).collect()
    }

    /// Nothing is held, open or in any gate, of pods that are gone included.
    pub(crate) fn assert_nothing_is_counted(&self) {
        let seen = self.snapshot();
        assert_eq!((seen.held, seen.held_bytes, seen.open), (0, 0, 0), "{seen:?}");
        for (pod, front) in self.told.lock().values() {
            assert_eq!(front.gate().inside(), (0, 0), "{}", pod.id);
        }
    }

    /// Sleeps until `seconds` after the start.
    pub(crate) async fn until_second(&self, seconds: f64) {
        sleep_until(self.clock.instant_of(Time::from_secs_f64(seconds))).await;
    }
}

/// Keeps a copy of each frame on its way.
async fn tap(heard: Arc<Mutex<Vec<Up>>>, mut frames: mpsc::Receiver<Heard>, onward: mpsc::Sender<Heard>) {
    while let Some(said) = frames.recv().await {
        if let Heard::Up(frame) = &said {
            heard.lock().push(frame.clone());
        }
        if onward.send(said).await.is_err() {
            return;
        }
    }
}

pub(crate) fn hello() -> WorkloadId {
    "hello".parse().expect("a name")
}

/// A workload reached at `NAME.localhost`.
pub(crate) fn workload(name: &str, policy: Policy, serving: Serving) -> Workload {
    Workload { id: name.parse().expect("a name"), policy, serving, hosts: vec![format!("{name}.localhost")] }
}

/// One request at a time in each pod.
pub(crate) fn one_at_a_time() -> (Policy, Serving) {
    let policy = Policy { total: 1.0, target: 0.7, max_scale: 8, ..Policy::default() };
    (policy, Serving { container_concurrency: 1, ..Serving::default() })
}
