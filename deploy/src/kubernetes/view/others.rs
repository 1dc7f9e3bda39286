//! Others in the cluster that Rouse must not fight or overlook: who scales the same workloads, which pods nobody scales,
//! which workloads select each other's pods. Each is told once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use config::{PodId, Time, WorkloadId, bounds};
use kube::runtime::watcher::Event;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::View;
use crate::kubernetes::objects::{Metadata, Object};
use crate::kubernetes::told::{About, ObjectRef};

/// A HorizontalPodAutoscaler, as far as it is used.
pub(super) type ScalerObject = Object<ScalerSpec, Nothing>;

/// What it scales.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScalerSpec {
    #[serde(default)]
    scale_target_ref: Target,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Target {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

/// Nothing of it is used.
#[derive(Clone, Debug, Default)]
pub(super) struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Nothing, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Nothing)
    }
}

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// What each HorizontalPodAutoscaler scales, by namespace and name; bounded by those there are.
    scalers: BTreeMap<(String, String), WorkloadId>,
    /// Those that were told, and of which workload.
    told: BTreeSet<((String, String), WorkloadId)>,
    /// Two workloads of which the second selects a pod of the first.
    overlaps: BTreeSet<(WorkloadId, WorkloadId)>,
    /// Pods that no workload selects, and when to tell so.
    strays: HashMap<PodId, (Time, ObjectRef)>,
    /// Whose strays were told.
    told_strays: HashSet<ObjectRef>,
}

impl Others {
    /// The workload is no more: whatever is said of one of its name is news again.
    pub(super) fn forget(&mut self, id: &WorkloadId) {
        self.overlaps.retain(|(one, other)| one != id && other != id);
        self.told.retain(|(_, target)| target != id);
    }

    pub(super) fn is_new_overlap(&mut self, owner: &WorkloadId, other: &WorkloadId) -> bool {
        self.overlaps.insert((owner.clone(), other.clone()))
    }

    /// The pod is a workload's, or gone.
    pub(super) fn no_stray(&mut self, id: &PodId) {
        self.strays.remove(id);
    }

    /// When to look for strays.
    pub(super) fn due(&self) -> Option<Time> {
        self.strays.values().map(|(at, _)| *at).min()
    }
}

impl View {
    pub(super) fn see_scaler(&mut self, event: Event<ScalerObject>) {
        match event {
            Event::InitApply(scaler) | Event::Apply(scaler) => {
                let key = (scaler.metadata.namespace().to_owned(), scaler.metadata.name().to_owned());
                let Target { kind, name } = &scaler.spec.scale_target_ref;
                let id = WorkloadId::new(&key.0, kind, name);
                self.others.told.retain(|(told, target)| *told != key || *target == id);
                self.others.scalers.insert(key.clone(), id.clone());
                self.tell_of_scaler(&key, &id);
            }
            Event::Delete(scaler) => {
                let key = (scaler.metadata.namespace().to_owned(), scaler.metadata.name().to_owned());
                self.others.scalers.remove(&key);
                self.others.told.retain(|(told, _)| *told != key);
            }
            // What a list does not name after a gap is told of too late, at worst: it does no harm.
            Event::Init => self.others.scalers.clear(),
            Event::InitDone => {
                let Others { scalers, told, .. } = &mut self.others;
                told.retain(|(key, target)| scalers.get(key) == Some(target));
            }
        }
    }

    /// The workload is known now: whether somebody else scales it.
    pub(super) fn look_for_scalers(&mut self, id: &WorkloadId) {
        let of_it = self.others.scalers.iter().filter(|(_, target)| *target == id);
        let keys: Vec<_> = of_it.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.tell_of_scaler(&key, id);
        }
    }

    fn tell_of_scaler(&mut self, key: &(String, String), id: &WorkloadId) {
        let is_ours = self.workloads.get(id).is_some_and(|known| known.is_announced && !known.is_paused());
        if is_ours && self.others.told.insert((key.clone(), id.clone())) {
            let message = format!(
                "the HorizontalPodAutoscaler {} scales it too. What that asks for is kept for a stable window, so nobody \
                 fights; but one of the two should go",
                key.1
            );
            self.complain(About::Workload(id.clone()), "ForeignAutoscaler", message);
        }
    }

    /// No workload selects the pod: if that stays so, somebody should know.
    pub(super) fn may_be_stray(&mut self, id: &PodId, metadata: &Metadata, now: Time) {
        if self.others.strays.contains_key(id) {
            return;
        }
        let namespace = metadata.namespace().to_owned();
        let about = match metadata.controller() {
            Some(owner) => ObjectRef {
                api_version: owner.api_version.clone(),
                kind: owner.kind.clone(),
                namespace,
                name: owner.name.clone(),
                uid: owner.uid.clone(),
            },
            None => metadata.reference(&super::core("Pod", "pods")),
        };
        if !self.others.told_strays.contains(&about) && self.others.strays.len() < bounds::KUBE_STRAYS {
            self.others.strays.insert(id.clone(), (now + bounds::KUBE_PATIENCE, about));
        }
    }

    pub(super) fn look_for_strays(&mut self, now: Time) {
        if self.others.due().is_none_or(|due| due > now) {
            return;
        }
        let due: Vec<PodId> =
            self.others.strays.iter().filter(|(_, (at, _))| *at <= now).map(|(id, _)| id.clone()).collect();
        for (_, about) in due.iter().filter_map(|id| self.others.strays.remove(id)).collect::<Vec<_>>() {
            if self.others.told_strays.len() >= bounds::KUBE_STRAYS {
                self.others.told_strays.clear();
            }
            if self.others.told_strays.insert(about.clone()) {
                let message = "its pods carry the label rouse.dev/inject, but no workload with the label rouse.dev/scale \
                               selects them: nobody scales or wakes it";
                self.complain(About::Object(about), "NoWorkload", message.to_owned());
            }
        }
    }
}
