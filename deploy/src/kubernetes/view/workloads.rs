//! Workloads, as they come, change and go.

use config::{PlatformEvent, Time, WorkloadId};
use kube::runtime::watcher::Event;

use super::View;
use crate::exposition;
use crate::kubernetes::objects::selector::Selects;
use crate::kubernetes::objects::workload::WorkloadObject;
use crate::kubernetes::scale::{Foreign, News};
use crate::kubernetes::told::{About, Told, Tone};
use crate::kubernetes::workloads::{Known, Reading, sentence};

/// How many of [`super::super::discovery::Discovered::kinds`] are Deployment and StatefulSet, which have scale and
/// selector where we read them; of others only the scale subresource tells.
const PLAIN_KINDS: usize = 2;

impl View {
    pub(super) fn see_workload(&mut self, kind: usize, event: Event<WorkloadObject>, now: Time) {
        match event {
            Event::Init => self.workload_gaps[kind].begins(),
            Event::InitApply(object) | Event::Apply(object) => {
                let id = self.id(kind, &object);
                self.workload_gaps[kind].is_there(&id);
                self.workload(kind, &id, object, now);
            }
            Event::Delete(object) => {
                let id = self.id(kind, &object);
                self.workload_gaps[kind].is_gone(&id);
                match object.metadata.object.deletion_timestamp {
                    Some(_) => self.workload_gone(&id),
                    None => self.out_of_sight(&id, now),
                }
            }
            Event::InitDone => {
                let word = &self.kinds[kind].kind;
                let known = self.workloads.iter().filter(|(id, known)| id.kind() == word && known.is_labelled);
                self.workload_gaps[kind].ends(known.map(|(id, _)| id), now);
                self.is_listed(kind);
            }
        }
    }

    pub(super) fn id(&self, kind: usize, object: &WorkloadObject) -> WorkloadId {
        WorkloadId::new(object.metadata.namespace(), &self.kinds[kind].kind, object.metadata.name())
    }

    pub(super) fn workload(&mut self, kind: usize, id: &WorkloadId, object: WorkloadObject, now: Time) {
        if self.workloads.get(id).is_some_and(|known| *known.uid != *object.metadata.uid()) {
            self.workload_gone(id); // and this is another of its name
        }
        if let Some(router) = self.parts.router.as_ref().filter(|_| !self.workloads.contains_key(id)) {
            router.exists(id);
        }
        let resource = &self.kinds[kind];
        let known = self.workloads.entry(id.clone()).or_insert_with(|| Known::new(resource, &object));
        known.is_labelled = object.is_labelled();
        let is_declared_anew = known.see(&object);
        let is_new_generation = known.generation != object.metadata.object.generation;
        known.generation = object.metadata.object.generation;
        if is_declared_anew {
            self.read(id);
        }
        self.see_name(id, &object);
        if kind < PLAIN_KINDS {
            let replicas = object.spec.replicas.unwrap_or(1);
            let version = object.metadata.version();
            let selects = object.spec.selector.and_then(Selects::new).unwrap_or_default();
            self.scale_seen(id, replicas, version, object.metadata.replicas_by.as_deref(), now);
            self.select(id, selects, now);
        } else if is_new_generation || self.shared.replicas(id).is_none() {
            self.read_scale(id);
        }
        self.guard(id);
        self.stays(id);
        self.consider(id, now);
    }

    /// Whether evictions of its pods have a budget follows from its settings.
    fn guard(&self, id: &WorkloadId) {
        if let Some(guarded) = self.workloads.get(id).filter(|known| known.is_labelled).and_then(Known::guarded) {
            self.parts.disruptions.see(id, guarded);
        }
    }

    /// What the workload is asked to have is known.
    pub(super) fn scale_seen(
        &mut self,
        id: &WorkloadId,
        replicas: u32,
        version: Option<u64>,
        by: Option<&str>,
        now: Time,
    ) {
        let Some(known) = self.workloads.get_mut(id) else { return };
        let foreign = self.shared.see(id, (&known.kind, &known.uid), (replicas, version), now);
        known.marks.original.get_or_insert(replicas);
        if let Some(foreign) = foreign {
            self.somebody_scales(id, foreign, by);
        }
        if !self.workloads[id].is_announced {
            self.announce(id);
        }
    }

    /// Which pods are the workload's is known.
    pub(super) fn select(&mut self, id: &WorkloadId, selects: Selects, now: Time) {
        let is_labelled = self.workloads.get(id).is_some_and(|known| known.is_labelled);
        if is_labelled && self.owners.set(id, selects) {
            for pod in self.pods.in_namespace(id.namespace()) {
                self.place(&pod, now);
            }
        }
    }

    /// Once is nothing: manifests are applied. Who goes on should know what they do, unless it is theirs to do.
    fn somebody_scales(&self, id: &WorkloadId, foreign: Foreign, by: Option<&str>) {
        let Foreign { from, to, times } = foreign;
        let by = by.unwrap_or("somebody else");
        if self.workloads.get(id).is_some_and(Known::is_paused) {
            tracing::info!("{id}: {by} changed its replicas from {from} to {to}: it is paused here");
            return;
        }
        if times < 2 {
            tracing::info!("{id}: {by} changed its replicas from {from} to {to}: kept for a stable window");
            return;
        }
        let way_out = match self.workloads.get(id).is_some_and(|known| known.is_labelled) {
            true => "take the label rouse.dev/scale off",
            false => "delete its ScaledObject",
        };
        let message = format!(
            "{by} changed replicas from {from} to {to}, the last of {times} such changes within minutes. It is kept for a stable window: \
             leave replicas out of what is applied, or {way_out}"
        );
        self.complain(About::Workload(id.clone()), "ForeignScale", message);
    }

    /// Reads the workload's settings anew and tells of it, or of what is wrong with it.
    pub(super) fn read(&mut self, id: &WorkloadId) {
        let Some(known) = self.workloads.get_mut(id) else { return };
        let reading = known.read(id, &self.settings, &self.shared.reach(id));
        let is_new = !known.is_announced;
        let (reason, complaint) = match &reading {
            Reading::Same(odd) | Reading::Changed(odd) => ("OddAnnotation", sentence(odd.iter().map(|odd| &odd.0))),
            Reading::Bad(problems) => {
                let stands = if known.told.is_some() { "the last good settings stay" } else { "it is not scaled" };
                ("BadAnnotation", format!("{}; {stands}", sentence(problems.0.iter())))
            }
        };
        if known.complaint != complaint {
            known.complaint.clone_from(&complaint);
            if !complaint.is_empty() {
                self.complain(About::Workload(id.clone()), reason, complaint);
            }
        }
        self.guard(id);
        if matches!(reading, Reading::Changed(_)) || (is_new && matches!(reading, Reading::Same(_))) {
            self.announce(id);
        }
    }

    /// Tells of the workload, if its settings were ever good and its scale is known; at first with its pods. Not while it
    /// leaves: what is told then would be that it stays.
    pub(super) fn announce(&mut self, id: &WorkloadId) {
        if self.leaving.contains_key(id) {
            return;
        }
        let Some((replicas, _)) = self.shared.replicas(id) else { return };
        let Some(known) = self.workloads.get_mut(id) else { return };
        let Some(workload) = known.told.clone() else { return };
        if known.is_announced {
            self.out.push_back(PlatformEvent::Workload(workload, replicas));
            return self.look_for_scalers(id); // it may be scaled here again
        }
        known.is_announced = true;
        // What only triggers scale has no initial scale.
        let event = match known.marks.initialized || !known.is_labelled {
            true => PlatformEvent::Workload(workload, replicas),
            false => PlatformEvent::Adopted(workload, replicas),
        };
        self.out.push_back(event);
        let pods: Vec<_> = self.pods.of(id).map(|(pod, _)| pod.clone()).collect();
        for pod in pods {
            self.tell_of(&pod);
        }
        self.look_for_scalers(id);
    }

    /// A call of the driver ended, or the workload is reached otherwise.
    pub(super) fn look_at(&mut self, id: &WorkloadId) {
        let reach = self.shared.reach(id);
        if self.workloads.get_mut(id).is_some_and(|known| known.set_reach(&reach)) {
            self.announce(id);
        }
        self.look_at_name(id);
        self.consider(id, self.now());
    }

    /// Tells the driver what others did with the scale; when to look again, if it cannot be told yet.
    pub(super) fn tell_scale(&mut self, id: &WorkloadId, now: Time) -> Option<Time> {
        match self.shared.news(id, now) {
            News::None => None,
            News::At(at) => Some(at),
            News::Now(_) => {
                self.announce(id);
                None
            }
        }
    }

    pub(super) fn workload_gone(&mut self, id: &WorkloadId) {
        let Some(known) = self.workloads.remove(id) else { return };
        self.alarms.set(id, None);
        self.leaving.remove(id);
        self.owners.remove(id);
        self.shared.remove(id);
        self.lacks_no_more(id);
        self.others.forget(id);
        self.parts.disruptions.gone(id);
        self.parts.counted.set(id, None);
        if let Some(router) = &self.parts.router {
            router.exists_no_more(id);
        }
        let now = self.now();
        let pods: Vec<_> = self.pods.of(id).map(|(pod, _)| pod.clone()).collect();
        for pod in pods {
            self.place(&pod, now); // it may be another's
        }
        if known.is_announced {
            self.out.push_back(PlatformEvent::WorkloadGone(id.clone()));
        }
        if known.is_labelled && self.shared.is_named(id) {
            self.fetch(id); // it may be there without its label
        }
    }

    /// Tells of something wrong or odd: in the log, in a metric, and to whoever makes events of it.
    pub(super) fn complain(&self, about: About, reason: &'static str, message: String) {
        match &about {
            About::Workload(id) => tracing::warn!("{id}: {reason}: {message}"),
            About::Object(object) => {
                tracing::warn!("{} {}/{}: {reason}: {message}", object.kind, object.namespace, object.name);
            }
        }
        exposition::kube_problem(reason);
        self.parts.teller.tell(Told { about, tone: Tone::Warning, reason, message });
    }
}
