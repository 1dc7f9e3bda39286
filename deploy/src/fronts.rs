//! Whom the driver tells what is known and decided: the activator of its own process, or all who are linked.

use std::sync::Arc;

use activator::{Activator, Wake};
use config::link::Reporter;
use config::{Failure, Pod, PodId, Time, Workload, WorkloadId};

/// Those in front of pods, as the driver sees them.
pub trait Fronts: Send + Sync + 'static {
    /// The workload is new or changed.
    fn workload(&self, workload: &Arc<Workload>);

    /// The workload is no more.
    fn workload_gone(&self, id: &WorkloadId);

    /// What the platform says of a pod; the answer is what is to be believed, if anything.
    fn pod(&self, now: Time, pod: Pod) -> Option<Pod>;

    /// What is to be believed of a pod now.
    fn believed(&self, id: &PodId) -> Option<Pod>;

    /// Whether the reporter is linked now.
    fn is_linked(&self, reporter: &Reporter) -> bool;

    /// Why the workload can have no ready pod; `None` when that is over.
    fn failure(&self, now: Time, id: &WorkloadId, failure: Option<&Failure>);

    /// Above how many requests in flight and waiting a report is due at once.
    fn watermark(&self, id: &WorkloadId, watermark: u32);

    /// The workload's pods are to turn their direct clients away.
    fn leave(&self, id: &WorkloadId);

    /// Wakes since the last call.
    fn take_wakes(&self) -> Vec<Wake>;
}

/// One process: the platform tells the activator of pods itself, without a queue in between, because that is on the way
/// of a wake.
impl Fronts for Activator {
    fn workload(&self, workload: &Arc<Workload>) {
        self.set_workload(workload);
    }

    fn workload_gone(&self, id: &WorkloadId) {
        self.remove_workload(id);
    }

    fn pod(&self, _now: Time, pod: Pod) -> Option<Pod> {
        Some(pod)
    }

    fn believed(&self, _id: &PodId) -> Option<Pod> {
        None
    }

    /// Nothing comes between an activator and the driver of its own process.
    fn is_linked(&self, _reporter: &Reporter) -> bool {
        true
    }

    fn failure(&self, _now: Time, id: &WorkloadId, failure: Option<&Failure>) {
        self.set_failure(id, failure);
    }

    fn watermark(&self, id: &WorkloadId, watermark: u32) {
        self.set_watermark(id, watermark);
    }

    /// Clients reach pods through the gateway only.
    fn leave(&self, _id: &WorkloadId) {}

    fn take_wakes(&self) -> Vec<Wake> {
        self.take_wakes()
    }
}
