//! Workloads that ScaledObjects name. They need no label: those without are watched beside the others, as long as any of
//! their kind is named, and of what that watch shows only the named are kept. Nothing is written on them but their scale.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use config::{Time, WorkloadId, bounds};
use futures_util::stream::{AbortHandle, abortable};
use kube::Api;
use kube::api::ListParams;
use kube::runtime::watcher::Event;
use tokio::time::sleep;

use super::upkeep::Done;
use super::{Sight, Stage, View};
use crate::kubernetes::names::SCALE_LABEL;
use crate::kubernetes::objects::workload::WorkloadObject;
use crate::kubernetes::patches;
use crate::kubernetes::watch::gap::Gap;
use crate::kubernetes::watch::{Which, told, watch};

/// The watch of what has no label, of one kind.
#[derive(Debug, Default)]
pub(super) struct Named {
    watch: Option<AbortHandle>,
    gap: Gap<WorkloadId>,
}

impl Named {
    pub(super) fn due(&self) -> Option<Time> {
        self.gap.due()
    }

    pub(super) fn lapsed(&mut self, now: Time) -> Vec<WorkloadId> {
        self.gap.lapsed(now).into_iter().collect()
    }
}

impl View {
    /// A ScaledObject names the workload, or none does any more.
    pub(super) fn look_at_name(&mut self, id: &WorkloadId) {
        if self.stage != Stage::Complete {
            return; // all names are looked at then
        }
        let Some(kind) = self.kinds.iter().position(|kind| kind.kind == id.kind()) else { return };
        match (self.shared.is_named(id), self.workloads.get(id)) {
            (true, Some(known)) if known.template.is_none() => self.appears(id, None),
            (true, Some(_)) => {}
            (true, None) if self.named[kind].watch.is_some() => self.fetch(id),
            (true, None) => {}
            (false, Some(known)) if !known.is_labelled => self.see_off_unlabelled(id),
            (false, _) => {
                if let Some(known) = self.workloads.get_mut(id) {
                    known.template = None;
                }
            }
        }
        self.watch_unlabelled(kind);
    }

    /// Watches what has no label if some of the kind are named, and only then.
    fn watch_unlabelled(&mut self, kind: usize) {
        let is_needed = self.shared.named().iter().any(|id| id.kind() == self.kinds[kind].kind);
        match (&self.named[kind].watch, is_needed) {
            (None, true) => {
                let objects: Api<WorkloadObject> = Api::all_with(self.client(), &*self.kinds[kind]);
                let (seen, handle) = abortable(watch(objects, Which::unlabelled(SCALE_LABEL)));
                self.named[kind].watch = Some(handle);
                self.sights.push(told(seen, move |event| Sight::Unlabelled(kind, event)));
            }
            (Some(handle), false) => {
                handle.abort();
                self.named[kind] = Named::default();
            }
            _ => {}
        }
    }

    pub(super) fn see_unlabelled(&mut self, kind: usize, event: Event<WorkloadObject>, now: Time) {
        match event {
            Event::Init => self.named[kind].gap.begins(),
            Event::InitApply(object) | Event::Apply(object) => {
                let id = self.id(kind, &object);
                self.unlabelled(kind, &id, object, now);
            }
            Event::Delete(object) => {
                let id = self.id(kind, &object);
                self.named[kind].gap.is_gone(&id);
                self.unlabelled_gone(&id);
            }
            Event::InitDone => {
                let word = &self.kinds[kind].kind;
                let known = self.workloads.iter().filter(|(id, known)| id.kind() == word && !known.is_labelled);
                self.named[kind].gap.ends(known.map(|(id, _)| id), now);
            }
        }
    }

    /// A workload was seen that has no label, unless it got it since.
    pub(super) fn unlabelled(&mut self, kind: usize, id: &WorkloadId, object: WorkloadObject, now: Time) {
        // One that is known by its label loses it in good order first, and is looked for after that.
        let is_others = self.workloads.get(id).is_some_and(|known| known.is_labelled);
        if is_others || object.is_labelled() || !self.shared.is_named(id) {
            return;
        }
        self.named[kind].gap.is_there(id);
        self.workload(kind, id, object, now);
    }

    /// Of a workload that is named: whoever names it hears of what is new, and how many pods it has is counted, if nobody
    /// tells of them.
    pub(super) fn see_name(&mut self, id: &WorkloadId, object: &WorkloadObject) {
        let counted = (!object.is_labelled()).then(|| object.status.numbers());
        self.parts.counted.set(id, counted);
        if self.shared.is_named(id) {
            self.appears(id, Some(object));
        }
    }

    fn appears(&mut self, id: &WorkloadId, object: Option<&WorkloadObject>) {
        let Some(known) = self.workloads.get_mut(id) else { return };
        let text = object.map(|object| (object.is_labelled(), object.spec.template.to_string()));
        let template = BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
        if known.template.replace(template) != Some(template) {
            self.shared.appears(id);
        }
    }

    pub(super) fn unlabelled_gone(&mut self, id: &WorkloadId) {
        if self.workloads.get(id).is_some_and(|known| !known.is_labelled) {
            self.workload_gone(id);
        }
    }

    /// Reads a workload that is named and that no watch need bring any more.
    pub(super) fn fetch(&mut self, id: &WorkloadId) {
        let Some(kind) = self.kinds.iter().position(|kind| kind.kind == id.kind()) else { return };
        let objects: Api<WorkloadObject> = Api::namespaced_with(self.client(), id.namespace(), &*self.kinds[kind]);
        let (id, turns) = (id.clone(), Arc::clone(&self.seeking));
        self.tasks.spawn(async move {
            let named = ListParams::default().fields(&format!("metadata.name={}", id.name()));
            let mut pause = bounds::PLATFORM_RETRY_FIRST;
            loop {
                let turn = turns.acquire().await; // never closed
                match objects.list(&named).await {
                    Ok(mut found) => return Done::Fetched(kind, id, found.items.pop().map(Box::new)),
                    Err(error) => tracing::warn!("{id}: cannot be read: {error}"),
                }
                drop(turn);
                sleep(pause).await;
                pause = (2 * pause).min(bounds::PLATFORM_RETRY_SLOWEST);
            }
        });
    }

    /// No ScaledObject names it any more: nothing is asked of it, and it gets its replicas back if it is to.
    fn see_off_unlabelled(&mut self, id: &WorkloadId) {
        let Some(known) = self.workloads.get(id) else { return };
        let Some(pods) = self.shared.take_restore(id) else { return self.workload_gone(id) };
        self.shared.leaves(id);
        let (id, kind, uid) = (id.clone(), Arc::clone(&known.kind), known.uid.clone());
        let (writes, shared) = (self.parts.writes.clone(), Arc::clone(&self.shared));
        self.tasks.spawn(async move {
            while shared.is_busy(&id) {
                sleep(bounds::RELEASE_LOOK).await;
            }
            match patches::restore(&writes, &kind, (&id, &uid), pods).await {
                Ok(()) => tracing::info!("{id}: its ScaledObject is gone: {pods} replicas again"),
                Err(error) => tracing::warn!("{id}: cannot be given its {pods} replicas back: {error}"),
            }
            Done::Restored(id, uid)
        });
    }

    /// It has its replicas back; and it is nobody's, unless it was named again meanwhile.
    pub(super) fn is_restored(&mut self, id: &WorkloadId) {
        if self.shared.is_named(id) {
            self.shared.stays(id);
            self.announce(id);
        } else {
            self.unlabelled_gone(id);
        }
    }
}
