//! Pods, as they come, change and go.

use config::{PlatformEvent, Pod, PodId, PodState, Time, WorkloadId};
use kube::runtime::watcher::Event;

use super::View;
use crate::kubernetes::objects::pod::PodObject;
use crate::kubernetes::pods;
use crate::kubernetes::told::About;

impl View {
    pub(super) fn see_pod(&mut self, event: Event<PodObject>, now: Time) {
        match event {
            Event::Init => self.pod_gap.begins(),
            Event::InitApply(object) => {
                // It has been there for a while.
                let created = object.metadata.object.creation_timestamp.as_ref();
                let created = created.and_then(|stamp| u64::try_from(stamp.0.as_nanosecond()).ok());
                let created = created.map_or(now, |nanos| Time::from_nanos(nanos).min(now));
                self.pod(&object, created, now);
            }
            // The creation timestamp knows whole seconds only: what we see ourselves is nearer.
            Event::Apply(object) => self.pod(&object, now, now),
            Event::Delete(object) => {
                let id = pods::id(&object.metadata);
                self.pod_gap.is_gone(&id);
                self.pod_gone(&id, now);
            }
            Event::InitDone => {
                self.pod_gap.ends(self.pods.ids(), now);
                self.are_complete(now);
            }
        }
    }

    fn pod(&mut self, object: &PodObject, created: Time, now: Time) {
        let (id, changed) = self.pods.see(object, created, now);
        self.pod_gap.is_there(&id);
        if changed {
            self.place(&id, now);
            self.tell_of(&id);
            let owner = self.pods.get(&id).and_then(|pod| pod.owner.clone());
            match owner {
                Some(owner) => self.consider(&owner, now),
                None => self.may_be_stray(&id, &object.metadata, now),
            }
        }
    }

    pub(super) fn pod_gone(&mut self, id: &PodId, now: Time) {
        let Some((owner, told)) = self.pods.remove(id) else { return };
        self.others.no_stray(id);
        self.tell_gone(told);
        if let Some(owner) = owner {
            self.routed_no_more(&owner, id);
            self.consider(&owner, now);
        }
    }

    /// Finds out whose the pod is. With several it is the first's by name, and the others are told.
    pub(super) fn place(&mut self, id: &PodId, now: Time) {
        let Some(pod) = self.pods.get(id) else { return };
        let mut owners = self.owners.of(&pod.namespace, &pod.labels).into_iter();
        let owner = owners.next();
        let is_same = pod.owner == owner;
        if let Some(owner) = &owner {
            // Also of one that keeps its owner: the other may be new.
            owners.for_each(|other| self.overlaps(owner, &other, id));
        }
        if is_same {
            return;
        }
        if owner.is_some() {
            self.others.no_stray(id);
        }
        let told = self.pods.get_mut(id).and_then(|pod| pod.told.take());
        self.tell_gone(told);
        let before = self.pods.set_owner(id, owner.clone());
        if let Some(before) = &before {
            self.routed_no_more(before, id);
        }
        self.tell_of(id);
        for id in before.iter().chain(&owner) {
            self.consider(id, now);
        }
    }

    /// Once for each two workloads.
    fn overlaps(&mut self, owner: &WorkloadId, other: &WorkloadId, pod: &PodId) {
        if self.others.is_new_overlap(owner, other) {
            let name = pod.as_str().rsplit_once('.').map_or(pod.as_str(), |(name, _)| name);
            let message = format!(
                "its selector matches the pod {name} too, which counts as one of {} {}: give each workload labels of its own",
                owner.kind(),
                owner.name()
            );
            self.complain(About::Workload(other.clone()), "SelectorOverlap", message);
        }
    }

    /// Tells of the pod as it is now, if that is news and its workload is known to the driver; who routes hears of its ports
    /// before. Of a pod whose workload is not known to the driver only who routes hears.
    pub(super) fn tell_of(&mut self, id: &PodId) {
        let Some(known) = self.pods.get_mut(id) else { return };
        let Some(owner) = &known.owner else { return };
        let Some(workload) = self.workloads.get(owner) else { return };
        let pod = known.pod(id, owner);
        if !workload.is_announced {
            return self.stands_in(&pod);
        }
        // Of one that is gone before it was told of there is nothing to tell, nor of one that was told to be.
        let last = known.told.as_ref().map_or(pod.state, |told| told.state);
        if last != PodState::Gone && known.told.as_ref() != Some(&pod) {
            known.told = Some(pod.clone());
            if let Some(router) = &self.parts.router {
                router.pod_ports(owner, id, &known.ports);
            }
            self.out.push_back(PlatformEvent::Pod(pod));
        }
    }

    /// Whoever routes hears of the pod from here, for the driver does not know its workload.
    fn stands_in(&self, pod: &Pod) {
        let (Some(router), Some(known)) = (&self.parts.router, self.pods.get(&pod.id)) else { return };
        if pod.state == PodState::Gone {
            return router.pod_gone(&pod.workload, &pod.id);
        }
        router.pod_ports(&pod.workload, &pod.id, &known.ports);
        router.stand_in(pod);
    }

    /// Who routes need not know the pod any more.
    fn routed_no_more(&self, workload: &WorkloadId, id: &PodId) {
        if let Some(router) = &self.parts.router {
            router.pod_gone(workload, id);
        }
    }

    /// Tells that a pod is gone of which this was said last.
    fn tell_gone(&mut self, told: Option<Pod>) {
        if let Some(told) = told.filter(|told| told.state != PodState::Gone) {
            self.out.push_back(PlatformEvent::Pod(Pod { state: PodState::Gone, ..told }));
        }
    }
}
