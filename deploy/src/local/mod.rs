//! Pods as processes of this machine.
//!
//! Each pod runs under `rouse pod` ([`crate::pod`]), which holds the other end of a pipe from here, so that no pod
//! outlives this process. The queue-proxy of each is the library, in this process.

mod jobs;
mod orphans;
mod output;
mod pods;
mod ports;
mod process;
mod start;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use config::manifest::Declared;
use config::{Platform, PlatformError, PlatformEvent, PodId, Route, WorkloadId};
use futures_core::Stream;
use queue_proxy::Clock;
use queue_proxy::net::Network;

use crate::fleet::Fleet;
pub use crate::fleet::OnPod;
use crate::wakes::Wakes;
pub use jobs::JobProcesses;
pub use orphans::adopt as adopt_orphans;
use pods::Processes;
use start::Starter;

/// Told of every line that a pod writes to its standard output or error. While it blocks, the pod's output waits.
pub type OnLine = Box<dyn Fn(&PodId, &str) + Send + Sync>;

/// What the platform needs of the process it is part of.
pub struct LocalSettings {
    /// The `rouse` binary: pods run under its `rouse pod`, and its directory is first in their PATH.
    pub executable: PathBuf,
    /// What all times are read from.
    pub clock: Clock,
    /// Told of every change of a pod at once.
    pub on_pod: OnPod,
    /// Told of every line that a pod writes.
    pub on_line: OnLine,
}

impl LocalSettings {
    /// Settings for pods under the `rouse` at `executable`, whose output goes to standard error, each line with its
    /// pod's name.
    pub fn new(executable: PathBuf, clock: Clock, on_pod: OnPod) -> LocalSettings {
        let on_line = Box::new(|pod: &PodId, line: &str| eprintln!("{pod} | {line}"));
        LocalSettings { executable, clock, on_pod, on_line }
    }
}

impl fmt::Debug for LocalSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSettings").field("executable", &self.executable).finish_non_exhaustive()
    }
}

/// The workloads of some manifests, on this machine.
#[derive(Debug)]
pub struct LocalPlatform {
    fleet: Fleet<Processes>,
}

impl LocalPlatform {
    /// A platform that runs `workloads`, each with no pod so far.
    pub fn new(settings: LocalSettings, workloads: Vec<Declared>) -> Arc<LocalPlatform> {
        let LocalSettings { executable, clock, on_pod, on_line } = settings;
        let processes = Processes::new(Starter::new(executable, on_line), clock);
        Arc::new(LocalPlatform { fleet: Fleet::new(processes, Network::Tcp, clock, on_pod, workloads) })
    }

    /// The wakes, to which the platform tells when pods are started and ready.
    pub fn wakes(&self) -> &Wakes {
        self.fleet.wakes()
    }

    /// What starts pods of Jobs beside those of the workloads.
    pub(crate) fn jobs(&self) -> JobProcesses {
        JobProcesses(self.fleet.launcher().starter.clone())
    }

    /// From now on there are these workloads, with what their pods run. Pods that run something else are replaced, one at a
    /// time, each by one that is ready; pods of a workload that is no longer there are drained.
    pub fn apply(&self, workloads: Vec<Declared>) {
        self.fleet.apply(workloads);
    }

    /// Drains every pod: requests in flight finish, within the termination grace of each workload. Returns when no
    /// process is left; nothing is started any more.
    pub async fn shutdown(&self) {
        self.fleet.shutdown().await;
    }
}

impl Platform for LocalPlatform {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        self.fleet.events()
    }

    async fn scale(&self, workload: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
        self.fleet.scale(workload, pods).await
    }

    async fn route(&self, workload: &WorkloadId, route: Route) -> Result<(), PlatformError> {
        self.fleet.route(workload, route).await
    }
}
