//! The pods of one workload, counted by state.

use std::collections::HashMap;

use config::{Pod, PodId, PodState};
use serde::Serialize;

/// How many pods are in each state. Knative's `pkg/resources/pods.go` counts the same; what it calls terminating is
/// draining here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PodCounts {
    /// May be given requests.
    pub ready: u32,
    /// Not ready yet, or not any more.
    pub starting: u32,
    /// Of those starting, how many have no address yet: not even placed.
    pub pending: u32,
    /// Told to end, still finishing.
    pub draining: u32,
}

impl PodCounts {
    /// Pods that exist but may not be given requests.
    pub fn not_ready(&self) -> u32 {
        self.starting + self.draining
    }

    /// All pods.
    pub fn all(&self) -> u32 {
        self.ready + self.not_ready()
    }

    fn count(&mut self, pod: Counted) {
        match pod.state {
            PodState::Ready => self.ready += 1,
            PodState::Starting => {
                self.starting += 1;
                self.pending += u32::from(pod.pending);
            }
            PodState::Draining => self.draining += 1,
            PodState::Gone => {}
        }
    }
}

impl<'a> FromIterator<&'a Pod> for PodCounts {
    fn from_iter<I: IntoIterator<Item = &'a Pod>>(pods: I) -> PodCounts {
        let mut counts = PodCounts::default();
        for pod in pods {
            counts.count(Counted::new(pod));
        }
        counts
    }
}

/// What counts of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    state: PodState,
    pending: bool,
    bare: bool,
}

impl Counted {
    fn new(pod: &Pod) -> Counted {
        let pending = pod.state == PodState::Starting && pod.address.ip().is_unspecified();
        Counted { state: pod.state, pending, bare: pod.state == PodState::Ready && !pod.has_queue_proxy }
    }
}

/// The pods of one workload.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    by_id: HashMap<PodId, Counted>,
    counts: PodCounts,
    bare: usize,
}

impl Pods {
    /// Takes in a new or changed pod; one that is gone is forgotten.
    pub fn update(&mut self, pod: &Pod) {
        if pod.state == PodState::Gone {
            self.by_id.remove(&pod.id);
        } else {
            self.by_id.insert(pod.id.clone(), Counted::new(pod));
        }
        self.counts = PodCounts::default();
        self.by_id.values().for_each(|&pod| self.counts.count(pod));
        self.bare = self.by_id.values().filter(|pod| pod.bare).count();
    }

    /// How many there are, by state.
    pub fn counts(&self) -> PodCounts {
        self.counts
    }

    /// Whether the pod is known and not gone.
    pub fn knows(&self, id: &PodId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Whether every ready pod has a queue-proxy in front: else nobody could count what goes to it directly.
    pub fn can_be_reached_directly(&self) -> bool {
        self.counts.ready > 0 && self.bare == 0
    }
}
