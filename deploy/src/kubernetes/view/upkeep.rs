//! What the view itself reads and writes: marks on workloads, what keeps pods from being created, scale subresources.

use config::{Time, WorkloadId, bounds};
use futures_util::stream::abortable;
use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::runtime::watcher::Event;
use serde_json::{Map, Value};

use super::{Sight, View};
use crate::kubernetes::objects::selector::Selects;
use crate::kubernetes::objects::workload::WorkloadObject;
use crate::kubernetes::scale::{self, ScaleObject};
use crate::kubernetes::watch::{Which, told, watch};
use crate::kubernetes::{failures, patches};

/// What a task of ours did.
pub(super) enum Done {
    /// Wrote these annotations on a workload, if it could.
    Marked(WorkloadId, Option<Map<String, Value>>),
    /// Something of which nothing follows here.
    Nothing,
    /// Read a workload's scale subresource, if it could.
    Read(WorkloadId, Option<Box<ScaleObject>>),
    /// Found the workload with this UID, which has replicas and no label.
    Unlabelled(WorkloadId, Box<str>),
    /// Did not find it.
    Deleted(WorkloadId, Box<str>),
    /// Gave its Services back, or gave up.
    GivenBack(WorkloadId, Box<str>),
    /// Looked for a workload that is named, of the kind with this number.
    Fetched(usize, WorkloadId, Option<Box<WorkloadObject>>),
    /// Gave a workload that was named the replicas that it is to have after that, or gave up.
    Restored(WorkloadId, Box<str>),
}

impl View {
    pub(super) fn done(&mut self, done: Done) {
        let now = self.now();
        match done {
            Done::Nothing => {}
            Done::Marked(id, written) => {
                if let Some(known) = self.workloads.get_mut(&id) {
                    known.marks.written(written.as_ref(), now);
                }
                self.consider(&id, now);
            }
            Done::Read(id, Some(scale)) => {
                self.scale_seen(&id, scale.replicas(), scale.metadata.version(), None, now);
                if let Some(selects) = Selects::parse(scale.selector()) {
                    self.select(&id, selects, now);
                }
                self.consider(&id, now);
            }
            // With its next change it is tried again.
            Done::Read(id, None) => {
                if let Some(known) = self.workloads.get_mut(&id) {
                    known.generation = None;
                }
            }
            Done::Unlabelled(id, uid) if self.is_same(&id, &uid) => self.is_there_without_label(&id, now),
            Done::Deleted(id, uid) if self.is_same(&id, &uid) => self.is_deleted(&id),
            Done::GivenBack(id, uid) if self.is_same(&id, &uid) => self.is_given_back(&id),
            Done::Fetched(kind, id, Some(object)) => self.unlabelled(kind, &id, *object, now),
            Done::Fetched(_, _, None) => {} // a watch tells when it comes
            Done::Restored(id, uid) if self.is_same(&id, &uid) => self.is_restored(&id),
            // Another of its name is there now.
            Done::Unlabelled(..) | Done::Deleted(..) | Done::GivenBack(..) | Done::Restored(..) => {}
        }
    }

    fn is_same(&self, id: &WorkloadId, uid: &str) -> bool {
        self.workloads.get(id).is_some_and(|known| *known.uid == *uid)
    }

    /// Writes on the workload how many replicas it had at adoption, and once its initial scale was reached that it was.
    /// When to try that again, if it could not be written.
    pub(super) fn mark(&mut self, id: &WorkloadId, ready: u32, replicas: u32, now: Time) -> Option<Time> {
        if self.leaving.contains_key(id) {
            return None;
        }
        let known = self.workloads.get_mut(id)?;
        let policy = &known.told.as_ref()?.policy;
        // One that is found at zero sleeps, and its first wake is as any other.
        let sleeps = known.marks.original == Some(0) && replicas == 0;
        let is_reached = sleeps || autoscaler::activity::is_initialized(policy, ready, known.marks.initialized);
        let due = known.marks.due(is_reached);
        if due.is_empty() {
            return None;
        }
        if now < known.marks.not_before {
            return Some(known.marks.not_before);
        }
        known.marks.is_busy = true;
        let (id, kind, writes) = (id.clone(), known.kind.clone(), self.parts.writes.clone());
        self.tasks.spawn(async move {
            let names = (id.namespace(), id.name());
            match patches::annotate(&writes, "mark", &kind, names, &due).await {
                Ok(()) => Done::Marked(id, Some(due)),
                Err(error) => {
                    tracing::warn!("{id}: cannot be marked as adopted: {error}");
                    Done::Marked(id, None)
                }
            }
        });
        None
    }

    /// Has the workload's controller try again to create pods.
    pub(super) fn nudge(&mut self, id: &WorkloadId, now: Time) {
        let Some(known) = self.workloads.get_mut(id) else { return };
        known.nudged = Some(now);
        let Some(selector) = self.owners.selector(id) else { return };
        let (id, kind, uid) = (id.clone(), known.kind.clone(), known.uid.clone());
        let writes = self.parts.writes.clone();
        let at = Timestamp::now().to_string();
        self.tasks.spawn(async move {
            if let Err(error) = patches::nudge(&writes, &kind, (&id, &uid), &selector, at).await {
                tracing::debug!("{id}: its controller cannot be made to try again: {error}");
            }
            Done::Nothing
        });
    }

    /// Reads the scale subresource of a workload that does not show by itself how many pods it is asked to have.
    pub(super) fn read_scale(&mut self, id: &WorkloadId) {
        let Some(known) = self.workloads.get(id) else { return };
        let (id, kind, client) = (id.clone(), known.kind.clone(), self.client());
        self.tasks.spawn(async move {
            let read = match scale::get(&kind, id.namespace(), id.name()) {
                Ok(request) => client.request(request).await,
                Err(error) => Err(kube::Error::HttpError(error)),
            };
            let read = read.map_err(|error| tracing::warn!("{id}: its scale cannot be read: {error}"));
            Done::Read(id, read.ok().map(Box::new))
        });
    }

    /// The workload lacks pods, and only events tell why: they are watched for as long as there is such a one.
    pub(super) fn lacks(&mut self, id: &WorkloadId) {
        self.lacking.insert(id.clone());
        if self.creations.is_none() {
            let events: Api<CoreEvent> = Api::all(self.client());
            let which = Which::with("involvedObject.kind=StatefulSet,reason=FailedCreate");
            let (events, handle) = abortable(watch(events, which));
            self.creations = Some(handle);
            self.sights.push(told(events, |event| Sight::Creation(Box::new(event))));
        }
    }

    /// The workload lacks none, or is no more.
    pub(super) fn lacks_no_more(&mut self, id: &WorkloadId) {
        if self.lacking.remove(id)
            && self.lacking.is_empty()
            && let Some(handle) = self.creations.take()
        {
            handle.abort();
        }
    }

    /// A controller says that it could not create a pod.
    pub(super) fn see_creation(&mut self, event: Event<CoreEvent>, now: Time) {
        let (Event::InitApply(event) | Event::Apply(event)) = event else { return };
        let object = &event.involved_object;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let id = WorkloadId::new(text(&object.namespace), text(&object.kind), text(&object.name));
        let Some(known) = self.workloads.get_mut(&id) else { return };
        let Some(since) = known.lacks_since else { return };
        // Events stay for an hour: what one said of an earlier time is over.
        let said = said_at(&event).map_or(now, |said| said + bounds::KUBE_STAMP);
        if said >= since && object.uid.as_deref() == Some(&known.uid) {
            known.blocked = Some(failures::of_creation(&text(&event.message)));
            self.consider(&id, now);
        }
    }
}

/// When an event was seen last, in whole seconds.
fn said_at(event: &CoreEvent) -> Option<Time> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let stamps = [
        event.last_timestamp.as_ref().map(|stamp| stamp.0),
        event.event_time.as_ref().map(|stamp| stamp.0),
        series.map(|stamp| stamp.0),
    ];
    let newest = stamps.into_iter().flatten().max()?;
    u64::try_from(newest.as_nanosecond()).ok().map(Time::from_nanos)
}
