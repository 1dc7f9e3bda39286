//! Pods that nobody tells the engine of, for they have no queue-proxy: how many there are, as somebody else counts them.

use std::collections::HashMap;
use std::sync::Arc;

use config::WorkloadId;
use parking_lot::Mutex;

/// How many pods each of those workloads has. Cheap to clone; bounded by the workloads that triggers alone scale.
#[derive(Clone, Debug, Default)]
pub struct Counted(Arc<Mutex<HashMap<WorkloadId, PodNumbers>>>);

/// How many pods one workload has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodNumbers {
    /// All that there are.
    pub exist: u32,
    /// Those of them that are ready.
    pub ready: u32,
}

impl Counted {
    /// What was counted last; none of a workload whose pods the engine knows.
    pub fn of(&self, id: &WorkloadId) -> Option<PodNumbers> {
        self.0.lock().get(id).copied()
    }

    /// The workload has so many; or none are counted here any more.
    pub fn set(&self, id: &WorkloadId, numbers: Option<PodNumbers>) {
        let mut all = self.0.lock();
        match numbers {
            Some(numbers) => drop(all.insert(id.clone(), numbers)),
            None => drop(all.remove(id)),
        }
    }
}
