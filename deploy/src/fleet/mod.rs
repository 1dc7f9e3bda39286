//! The pods of one machine: how many there are, who goes first, what happens when one ends.
//!
//! Everything here is the same for processes and for pods in memory, so that tests in virtual time run what a machine
//! runs. What differs is behind [`Launch`]: where a pod is to listen, and how it is started, told to end and killed.
//!
//! Each pod that there should be is a *slot*, a task of its own: it starts a pod, watches it, and when the pod ends by
//! itself starts another after a pause. Telling a slot to leave drains its pod: activators hear of it first, the pod is
//! told to end when nothing is in flight. What is declared may change at any time: pods that run something else than
//! they should are replaced one at a time, each by one that is ready.

mod events;
mod group;
mod life;
mod names;
mod restarts;
mod slots;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use config::manifest::Declared;
use config::{Failure, Platform, PlatformError, PlatformEvent, Pod, Route, WorkloadId};
use futures_core::Stream;
use parking_lot::Mutex;
use queue_proxy::net::Network;
use queue_proxy::{Clock, Front};
use tokio_util::task::TaskTracker;

use crate::wakes::Wakes;
use events::Events;
use group::Group;
pub(crate) use names::Names;
pub(crate) use slots::runs_the_same;

/// Told of every change of a pod, at the moment of the change and before the event of it: whoever forwards requests
/// learns that a pod is ready, or is given up, without a queue in between. Must not block, nor call the platform.
pub type OnPod = Box<dyn Fn(&Pod, &Arc<Front>) + Send + Sync>;

/// How pods come to life and to their end.
pub(crate) trait Launch: Send + Sync + 'static {
    /// One pod that was started.
    type Running: Running;

    /// An address where a new pod is to listen. Nobody else gets it until it is released.
    fn reserve(&self) -> Result<SocketAddr, Failure>;

    /// The pod at `address` is gone.
    fn release(&self, address: SocketAddr);

    /// Starts `pod`, which `front` is to probe.
    fn launch(
        &self,
        declared: &Declared,
        pod: &Pod,
        front: &Front,
    ) -> impl Future<Output = Result<Self::Running, Failure>> + Send;
}

/// One pod that was started.
pub(crate) trait Running: Send {
    /// Waits until the pod has ended and nothing of it is left. Cancel safe.
    fn ended(&mut self) -> impl Future<Output = Ended> + Send;

    /// Asks the pod to end.
    fn terminate(&self);

    /// Makes the pod end, and waits for it.
    fn kill(self) -> impl Future<Output = ()> + Send;
}

/// How a pod ended by itself.
#[derive(Debug)]
pub(crate) enum Ended {
    /// What should run does not exist or is not executable.
    CannotRun(String),
    /// It ran, and ended.
    Exited {
        /// Whether it ended well: by itself, with exit code 0.
        success: bool,
        /// How, for people.
        detail: String,
    },
}

type Groups<L> = BTreeMap<WorkloadId, Arc<Group<L>>>;

/// All workloads of one machine and their pods.
pub(crate) struct Fleet<L> {
    groups: Mutex<Groups<L>>,
    shared: Arc<Shared<L>>,
}

/// What the slots of all workloads use.
struct Shared<L> {
    launcher: L,
    network: Network,
    clock: Clock,
    on_pod: OnPod,
    events: Arc<Events>,
    /// Where the moments of a pod's start are told.
    wakes: Wakes,
    names: Names,
    slots: TaskTracker,
}

impl<L: Launch> Fleet<L> {
    /// A fleet of `workloads` without a pod so far.
    pub(crate) fn new(
        launcher: L,
        network: Network,
        clock: Clock,
        on_pod: OnPod,
        workloads: Vec<Declared>,
    ) -> Fleet<L> {
        let (events, names, slots) = (Arc::default(), Names::default(), TaskTracker::new());
        let wakes = Wakes::default();
        let shared = Arc::new(Shared { launcher, network, clock, on_pod, events, wakes, names, slots });
        let fleet = Fleet { groups: Mutex::default(), shared };
        fleet.apply(workloads);
        fleet
    }

    /// From now on there are these workloads: others are drained and gone, those that changed are changed.
    pub(crate) fn apply(&self, workloads: Vec<Declared>) {
        let mut groups = self.groups.lock();
        let mut before = std::mem::take(&mut *groups);
        for declared in workloads {
            let id = declared.workload.id.clone();
            let group = match before.remove(&id) {
                Some(group) => {
                    if *group.declared() != declared {
                        group.edit(declared);
                    }
                    group
                }
                None => {
                    let workload = Arc::new(declared.workload.clone());
                    self.shared.events.push(PlatformEvent::Workload(workload, 0));
                    Arc::new(Group::new(declared, Arc::clone(&self.shared)))
                }
            };
            groups.insert(id, group);
        }
        for (id, group) in before {
            group.close();
            self.shared.events.push(PlatformEvent::WorkloadGone(id));
        }
    }

    /// Where the moments of pods' starts are told.
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.shared.wakes
    }

    /// What starts the pods.
    pub(crate) fn launcher(&self) -> &L {
        &self.shared.launcher
    }

    /// Drains every pod, and returns when none is left. Nothing is started any more.
    pub(crate) async fn shutdown(&self) {
        for group in self.groups.lock().values() {
            group.close();
        }
        self.shared.slots.close();
        self.shared.slots.wait().await;
    }

    fn group(&self, workload: &WorkloadId) -> Result<Arc<Group<L>>, PlatformError> {
        self.groups.lock().get(workload).cloned().ok_or_else(|| PlatformError::UnknownWorkload(workload.clone()))
    }
}

impl<L: Launch> Platform for Fleet<L> {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        self.shared.events.stream()
    }

    async fn scale(&self, workload: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
        self.group(workload)?.scale(pods)
    }

    /// True at once: every client comes through this process.
    async fn route(&self, workload: &WorkloadId, _: Route) -> Result<(), PlatformError> {
        self.group(workload).map(drop)
    }
}

impl<L> fmt::Debug for Fleet<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("workloads", &self.groups.lock().keys()).finish_non_exhaustive()
    }
}
