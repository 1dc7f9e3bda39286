//! What a file lists, and how that differs from what was told before.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use config::manifest::{Declared, ListedPod, ListedPods};
use config::{PlatformEvent, Pod, PodId, PodState, Time, Workload, WorkloadId};

/// What a file lists.
#[derive(Debug, Default)]
pub(super) struct Listing {
    workloads: BTreeMap<WorkloadId, Arc<Workload>>,
    pods: BTreeMap<PodId, (WorkloadId, ListedPod)>,
}

impl Listing {
    pub(super) fn new(workloads: Vec<Declared>, lists: Vec<ListedPods>) -> Listing {
        let workloads =
            workloads.into_iter().map(|declared| (declared.workload.id.clone(), Arc::new(declared.workload)));
        let pods = lists.into_iter().flat_map(|ListedPods { workload, pods }| {
            pods.into_iter().map(move |pod| (PodId::new(&pod.name), (workload.clone(), pod)))
        });
        Listing { workloads: workloads.collect(), pods: pods.collect() }
    }

    pub(super) fn workloads(&self) -> impl Iterator<Item = &Arc<Workload>> {
        self.workloads.values()
    }

    pub(super) fn knows(&self, id: &WorkloadId) -> bool {
        self.workloads.contains_key(id)
    }

    /// How many pods of each workload are listed.
    pub(super) fn counts(&self) -> BTreeMap<WorkloadId, u32> {
        let mut counts: BTreeMap<_, u32> = self.workloads.keys().map(|id| (id.clone(), 0)).collect();
        for (workload, _) in self.pods.values() {
            counts.entry(workload.clone()).and_modify(|count| *count += 1);
        }
        counts
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} workloads and {} pods are listed", self.workloads.len(), self.pods.len())
    }
}

/// What was told of a file, and what is still to be told.
#[derive(Debug, Default)]
pub(super) struct Told {
    workloads: BTreeMap<WorkloadId, Arc<Workload>>,
    pods: BTreeMap<PodId, Pod>,
    /// As many as one file changes.
    events: VecDeque<PlatformEvent>,
    has_seen: bool,
}

impl Told {
    /// Whether no file has been seen yet.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_seen
    }

    pub(super) fn next(&mut self) -> Option<PlatformEvent> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            self.events.shrink_to_fit(); // a large file's room is given back
        }
        event
    }

    /// Finds what is to be told of the newest file: pods that go before their workloads, and those that come after
    /// theirs. `replicas` is how many pods a workload has been asked to have.
    pub(super) fn see(&mut self, newest: &Listing, now: Time, replicas: impl Fn(&WorkloadId) -> u32) {
        self.has_seen = true;
        let events = &mut self.events;
        self.pods.retain(|id, pod| {
            let stays = newest.pods.get(id).is_some_and(|(workload, _)| *workload == pod.workload);
            if !stays {
                events.push_back(PlatformEvent::Pod(Pod { state: PodState::Gone, ..pod.clone() }));
            }
            stays
        });
        self.workloads.retain(|id, _| {
            let stays = newest.knows(id);
            if !stays {
                events.push_back(PlatformEvent::WorkloadGone(id.clone()));
            }
            stays
        });
        for (id, workload) in &newest.workloads {
            if self.workloads.get(id) != Some(workload) {
                events.push_back(PlatformEvent::Workload(Arc::clone(workload), replicas(id)));
                self.workloads.insert(id.clone(), Arc::clone(workload));
            }
        }
        for (id, (workload, listed)) in &newest.pods {
            let before = self.pods.get(id);
            let created = before.map_or(now, |pod| pod.created);
            let pod = pod(id, workload, listed, created);
            if before != Some(&pod) {
                events.push_back(PlatformEvent::Pod(pod.clone()));
                self.pods.insert(id.clone(), pod);
            }
        }
    }
}

fn pod(id: &PodId, workload: &WorkloadId, listed: &ListedPod, created: Time) -> Pod {
    Pod {
        id: id.clone(),
        workload: workload.clone(),
        address: listed.address.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
        state: if listed.queue_proxy { PodState::Starting } else { PodState::Ready },
        has_queue_proxy: listed.queue_proxy,
        created,
    }
}
