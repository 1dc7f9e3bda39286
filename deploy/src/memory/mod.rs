//! Pods in memory, for tests in virtual time.
//!
//! Everything but the processes is what a machine runs: slots, restarts and draining are `fleet`'s, each pod
//! has its queue-proxy, and requests pass through hyper, over connections of [`MemoryNetwork`].

mod app;

use std::sync::Arc;

use config::manifest::{Declared, Template};
use config::{Platform, PlatformError, PlatformEvent, Pod, PodId, Route, Time, Workload, WorkloadId};
use futures_core::Stream;
use parking_lot::Mutex;
use queue_proxy::net::{MemoryNetwork, Network};
use queue_proxy::{Clock, Front};

use crate::fleet::Fleet;
pub use crate::fleet::OnPod;
use crate::wakes::Wakes;
use app::Apps;
pub use app::{App, Start};

/// Workloads whose pods live in memory.
#[derive(Debug)]
pub struct MemoryPlatform {
    fleet: Fleet<Apps>,
    clock: Clock,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    made: Vec<Call>,
    /// Why calls are refused.
    refusal: Option<String>,
}

/// What the platform was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When.
    pub at: Time,
    /// Of which workload.
    pub workload: WorkloadId,
    /// What.
    pub wish: Wish,
}

/// What a platform can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// This many pods.
    Scale(u32),
    /// This route.
    Route(Route),
}

impl MemoryPlatform {
    /// A platform of `workloads`, each with what its pods run. Must be called within a runtime.
    pub fn new(
        network: MemoryNetwork,
        clock: Clock,
        on_pod: OnPod,
        workloads: Vec<(Workload, App)>,
    ) -> Arc<MemoryPlatform> {
        let apps = Apps::new(network.clone());
        let declare = |(workload, app): (Workload, App)| {
            apps.set(workload.id.clone(), app);
            let source = workload.id.to_string();
            Declared { workload, template: Template::default(), ports: Vec::new(), worker: false, source }
        };
        let declared = workloads.into_iter().map(declare).collect();
        let fleet = Fleet::new(apps, Network::Memory(network), clock, on_pod, declared);
        Arc::new(MemoryPlatform { fleet, clock, calls: Mutex::default() })
    }

    /// What was asked for so far, refused calls included, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().made.clone()
    }

    /// Refuses every call from now on, with this reason; `None` ends that.
    pub fn refuse(&self, reason: Option<&str>) {
        self.calls.lock().refusal = reason.map(str::to_owned);
    }

    /// Pods of the workload that start from now on run this.
    pub fn set_app(&self, workload: &WorkloadId, app: App) {
        self.fleet.launcher().set(workload.clone(), app);
    }

    /// The pod ends by itself at once, cutting what it has. False if there is no such pod.
    pub fn crash(&self, pod: &PodId) -> bool {
        self.fleet.launcher().crash(pod)
    }

    /// The wakes, to which the platform tells when pods are started and ready.
    pub fn wakes(&self) -> &Wakes {
        self.fleet.wakes()
    }

    /// From now on there are these workloads, with what their pods run. Pods that run something else are replaced, one at a
    /// time, each by one that is ready; pods of a workload that is no longer there are drained.
    pub fn apply(&self, workloads: Vec<Declared>) {
        self.fleet.apply(workloads);
    }

    /// Drains every pod; returns when none is left. Nothing is started any more.
    pub async fn shutdown(&self) {
        self.fleet.shutdown().await;
    }

    fn record(&self, workload: &WorkloadId, wish: Wish) -> Result<(), PlatformError> {
        let mut calls = self.calls.lock();
        calls.made.push(Call { at: self.clock.now(), workload: workload.clone(), wish });
        calls.refusal.clone().map_or(Ok(()), |reason| Err(PlatformError::Refused(reason)))
    }
}

impl Platform for MemoryPlatform {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        self.fleet.events()
    }

    async fn scale(&self, workload: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
        self.record(workload, Wish::Scale(pods))?;
        self.fleet.scale(workload, pods).await
    }

    async fn route(&self, workload: &WorkloadId, route: Route) -> Result<(), PlatformError> {
        self.record(workload, Wish::Route(route))?;
        self.fleet.route(workload, route).await
    }
}

/// For tests that need to hear of no pod.
pub fn nobody() -> OnPod {
    Box::new(|_: &Pod, _: &Arc<Front>| {})
}
