//! Workloads that the platform sees, of which it may be unable to tell anything yet.

use std::collections::BTreeMap;

use config::link::Down;
use config::{Pod, PodId, PodState, Time, WorkloadId};

/// All that the platform sees, no more than there are; and the pods of those of which it can tell nothing else, for
/// activators may know such a workload from before.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<WorkloadId, BTreeMap<PodId, Pod>>);

impl Seen {
    pub(super) fn has(&self, id: &WorkloadId) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &WorkloadId> + Clone {
        self.0.keys()
    }

    pub(super) fn add(&mut self, id: &WorkloadId) {
        self.0.entry(id.clone()).or_default();
    }

    /// Whether it was seen.
    pub(super) fn remove(&mut self, id: &WorkloadId) -> bool {
        self.0.remove(id).is_some()
    }

    /// A pod of a workload of which nothing else is told, as the platform has it; what activators are told of it.
    pub(super) fn set_pod(&mut self, pod: &Pod, at: Time) -> Option<Down> {
        let before = self.0.get_mut(&pod.workload)?.insert(pod.id.clone(), pod.clone());
        (before.as_ref() != Some(pod)).then(|| news(&pod.workload, vec![pod.clone()], at))
    }

    /// The pod is no more; what activators are told of it.
    pub(super) fn remove_pod(&mut self, workload: &WorkloadId, id: &PodId, at: Time) -> Option<Down> {
        let pod = self.0.get_mut(workload)?.remove(id)?;
        Some(news(workload, vec![Pod { state: PodState::Gone, ..pod }], at))
    }

    /// More is told of the workload now, of its pods too.
    pub(super) fn is_known(&mut self, id: &WorkloadId) {
        if let Some(pods) = self.0.get_mut(id) {
            pods.clear();
        }
    }

    /// All that there is to say of a workload of which nothing else is told: that it is there, and its pods, though it has
    /// none.
    pub(super) fn frames(&self, id: &WorkloadId, at: Time) -> Option<Vec<Down>> {
        let pods = self.0.get(id)?.values().cloned().collect();
        Some(vec![Down::Stays { workload: id.clone() }, news(id, pods, at)])
    }
}

fn news(workload: &WorkloadId, pods: Vec<Pod>, at: Time) -> Down {
    Down::Pods { workload: workload.clone(), pods, failure: None, at }
}
