//! The pods of one workload, counted by state.

use std::collections::HashMap;
use std::time::Duration;

use config::{Pod, PodId, PodState, Time};
use serde::Serialize;

/// How long a pod that was there and is not ready any more holds what is there without a word: longer than Kubernetes
/// takes to give up the pods of a node that it lost (40 s and 300 s). Which pods are gone is for the platform to say; this
/// is for one that never does.
const HOLDS_UNHEARD: Duration = Duration::from_secs(600);

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
            counts.count(Counted::new(pod, Time::ZERO));
        }
        counts
    }
}

/// What counts of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    state: PodState,
    pending: bool,
    /// Has a queue-proxy.
    fronted: bool,
    /// When it was first seen.
    seen: Time,
    /// When its Link died, or when it was first seen.
    unheard_since: Time,
    /// It was ready once, or was there when the workload was found: there may be load on it.
    was_there: bool,
    was_ready: bool,
}

impl Counted {
    fn new(pod: &Pod, seen: Time) -> Counted {
        let pending = pod.state == PodState::Starting && pod.address.ip().is_unspecified();
        let is_ready = pod.state == PodState::Ready;
        let fronted = pod.has_queue_proxy;
        Counted {
            state: pod.state,
            pending,
            fronted,
            seen,
            unheard_since: seen,
            was_there: is_ready,
            was_ready: is_ready,
        }
    }

    /// Whether it matters that it is not heard: it may carry load that nobody tells of.
    fn is_missed(&self, now: Time) -> bool {
        self.fronted
            && match self.state {
                PodState::Ready => true,
                PodState::Starting => self.was_there && now.since(self.unheard_since) < HOLDS_UNHEARD,
                PodState::Draining | PodState::Gone => false,
            }
    }
}

/// The pods of one workload.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    by_id: HashMap<PodId, Counted>,
    counts: PodCounts,
    bare: usize,
    /// How many of those that were there when the workload was found are still to be named.
    to_find: u32,
}

impl Pods {
    /// None named yet, of so many that are there.
    pub fn found(pods: u32) -> Pods {
        Pods { to_find: pods, ..Pods::default() }
    }

    /// Takes in a new or changed pod; one that is gone is forgotten. Tells how long one took that became ready for the
    /// first time.
    pub fn update(&mut self, pod: &Pod, now: Time) -> Option<Duration> {
        let before = self.by_id.get(&pod.id).copied();
        let mut counted = Counted::new(pod, before.map_or(now, |before| before.seen));
        if pod.state == PodState::Gone {
            self.by_id.remove(&pod.id);
        } else {
            match before {
                Some(before) => {
                    counted.was_ready |= before.was_ready;
                    counted.was_there |= before.was_there;
                    counted.unheard_since = before.unheard_since;
                }
                None => {
                    counted.was_there |= self.to_find > 0;
                    self.to_find = self.to_find.saturating_sub(1);
                }
            }
            self.by_id.insert(pod.id.clone(), counted);
        }
        self.counts = PodCounts::default();
        self.by_id.values().for_each(|&pod| self.counts.count(pod));
        self.bare = self.by_id.values().filter(|pod| pod.state == PodState::Ready && !pod.fronted).count();
        let first = before.filter(|before| !before.was_ready && pod.state == PodState::Ready)?;
        Some(now.since(first.seen))
    }

    /// Starting pods that were first seen less than `allowance` ago: capacity that comes.
    pub fn coming(&self, allowance: Duration, now: Time) -> u32 {
        if self.counts.starting == 0 {
            return 0;
        }
        let comes = |pod: &&Counted| pod.state == PodState::Starting && now.since(pod.seen) < allowance;
        self.by_id.values().filter(comes).count() as u32
    }

    /// The pod's Link died.
    pub fn fell_silent(&mut self, id: &PodId, now: Time) {
        if let Some(pod) = self.by_id.get_mut(id) {
            pod.unheard_since = now;
        }
    }

    /// Pods with a queue-proxy for which `is_heard` is false, and that may carry load: they are ready, or were, or were
    /// there when the workload was found. Whose Link died counts as starting, so those that are ready are not enough.
    pub fn silent(&self, now: Time, is_heard: impl Fn(&PodId) -> bool) -> u32 {
        self.by_id.iter().filter(|(id, pod)| pod.is_missed(now) && !is_heard(id)).count() as u32
    }

    /// Those without a queue-proxy: activators count for them.
    pub fn counted_by_activators(&self) -> impl Iterator<Item = &PodId> {
        self.by_id.iter().filter(|(_, pod)| !pod.fronted).map(|(id, _)| id)
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
