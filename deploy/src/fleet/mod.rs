//! The pods of one machine: how many there are, who goes first, what happens when one ends.
//!
//! Everything here is the same for processes and for pods in memory, so that tests in virtual time run what a machine
//! runs. What differs is behind [`Launch`]: where a pod is to listen, and how it is started, told to end and killed.
//!
//! Each pod that there should be is a *slot*, a task of its own: it starts a pod, watches it, and when the pod ends by
//! itself starts another after a pause. Telling a slot to leave drains its pod: activators hear of it first, the pod is
//! told to end when nothing is in flight.

mod events;
mod group;
mod life;
mod names;
mod restarts;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use config::manifest::Declared;
use config::{Failure, Platform, PlatformError, PlatformEvent, Pod, Route, WorkloadId};
use futures_core::Stream;
use queue_proxy::net::Network;
use queue_proxy::{Clock, Front};
use tokio_util::task::TaskTracker;

use events::Events;
use group::Group;
use names::Names;

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
    /// It ran, and ended like this.
    Exited(String),
}

/// All workloads of one machine and their pods.
pub(crate) struct Fleet<L> {
    groups: BTreeMap<WorkloadId, Arc<Group<L>>>,
    shared: Arc<Shared<L>>,
}

/// What the slots of all workloads use.
struct Shared<L> {
    launcher: L,
    network: Network,
    clock: Clock,
    on_pod: OnPod,
    events: Arc<Events>,
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
        let events = Arc::new(Events::default());
        for declared in &workloads {
            events.push(PlatformEvent::Workload(Box::new(declared.workload.clone()), 0));
        }
        let (names, slots) = (Names::default(), TaskTracker::new());
        let shared = Arc::new(Shared { launcher, network, clock, on_pod, events, names, slots });
        let group =
            |declared: Declared| (declared.workload.id.clone(), Arc::new(Group::new(declared, Arc::clone(&shared))));
        Fleet { groups: workloads.into_iter().map(group).collect(), shared }
    }

    /// What starts the pods.
    pub(crate) fn launcher(&self) -> &L {
        &self.shared.launcher
    }

    /// Drains every pod, and returns when none is left. Nothing is started any more.
    pub(crate) async fn shutdown(&self) {
        for group in self.groups.values() {
            group.close();
        }
        self.shared.slots.close();
        self.shared.slots.wait().await;
    }

    fn group(&self, workload: &WorkloadId) -> Result<&Arc<Group<L>>, PlatformError> {
        self.groups.get(workload).ok_or_else(|| PlatformError::UnknownWorkload(workload.clone()))
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
        f.debug_struct("Fleet").field("workloads", &self.groups.keys()).finish_non_exhaustive()
    }
}
