//! What is believed of one pod: the platform says whether it exists, its queue-proxy says how it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use config::{Pod, PodState, WorkloadId};

use super::outlet::Outlet;

/// One pod, by all that was said of it.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The workload that it belongs to, by whoever spoke first.
    workload: WorkloadId,
    /// What the platform says, once it names the pod.
    platform: Option<Pod>,
    /// What its queue-proxy says; none until it has said something to this process.
    said: Option<PodState>,
    /// Where its queue-proxy says that it serves.
    address: Option<SocketAddr>,
    /// Whether the platform has ever named it: only then does what it reports count.
    counts: Arc<AtomicBool>,
    /// What goes to its queue-proxy, while that is linked.
    pub(crate) outlet: Option<Arc<Outlet>>,
}

impl Standing {
    pub(crate) fn new(workload: WorkloadId) -> Standing {
        Standing { workload, platform: None, said: None, address: None, counts: Arc::default(), outlet: None }
    }

    /// The workload that it belongs to, by whoever spoke first.
    pub(crate) fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    /// The pod as the platform names it, if it does.
    pub(crate) fn named(&self) -> Option<&Pod> {
        self.platform.as_ref()
    }

    /// Takes in what the platform says.
    pub(crate) fn name(&mut self, pod: Pod) {
        self.counts.store(true, Ordering::Relaxed);
        self.platform = (pod.state != PodState::Gone).then_some(pod);
    }

    /// All that was said of it is void.
    pub(crate) fn forget(&mut self) {
        self.platform = None;
        if let Some(outlet) = self.outlet.take() {
            outlet.close();
        }
    }

    /// Its queue-proxy speaks; with a new incarnation it has yet to say how it is.
    pub(crate) fn hello(&mut self, address: SocketAddr, outlet: Arc<Outlet>, anew: bool) {
        self.address = Some(address);
        self.outlet = Some(outlet);
        if anew && self.said.is_some() {
            self.said = Some(PodState::Starting);
        }
    }

    /// Its queue-proxy says how it is.
    pub(crate) fn say(&mut self, state: PodState) {
        // It cannot be gone while it speaks.
        self.said = Some(if state == PodState::Gone { PodState::Draining } else { state });
    }

    /// Its queue-proxy fell silent: nobody can tell that it is ready. One that drains is on its way out and stays so.
    pub(crate) fn lost(&mut self) {
        self.outlet = None;
        if self.said != Some(PodState::Draining) {
            self.said = Some(PodState::Starting);
        }
    }

    /// Whether it was heard once and has no Link now.
    pub(super) fn is_silent(&self) -> bool {
        self.said.is_some() && self.outlet.is_none()
    }

    /// Whether neither the platform names it nor is it linked.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.platform.is_none() && self.outlet.is_none()
    }

    /// Whether what it reports counts, for whoever reads its reports.
    pub(crate) fn counts(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.counts)
    }

    /// What is to be believed; nothing before the platform names it. Before its queue-proxy has said anything, that is what
    /// the platform says: its probes ask the queue-proxy, too. Of one whose Link died that is not believed: it would be late.
    pub(crate) fn believed(&self) -> Option<Pod> {
        let mut pod = self.platform.clone()?;
        if pod.has_queue_proxy && pod.state != PodState::Draining {
            pod.state = self.said.unwrap_or(pod.state);
        }
        if let Some(address) =
            self.address.filter(|said| pod.address.ip().is_unspecified() && !said.ip().is_unspecified())
        {
            pod.address = address;
        }
        Some(pod)
    }

    /// What activators are to know. Nothing of a pod that is not ready and has not spoken to this process: it may be one
    /// that they know to be ready, and has only not come back yet.
    pub(crate) fn told(&self) -> Option<Pod> {
        self.believed().filter(|pod| !pod.has_queue_proxy || self.said.is_some() || pod.state != PodState::Starting)
    }
}
