//! What became of one object: its status, written late and only when it changed, and events.

use config::bounds;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::controller::{Controller, uid};
use super::desk::Desk;
use super::serves::Serves;
use super::status;
use crate::kubernetes::names::FIELD_MANAGER;
use crate::kubernetes::told::{About, ObjectRef, Told, Tone};
use crate::kubernetes::watched::Place;
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// What became of writing a status.
pub(super) struct Wrote {
    place: Place,
    written: Result<DynamicObject, WriteError>,
}

impl<S: Serves> Controller<'_, S> {
    /// Its status is looked at soon, but written no more often than it may be.
    pub(super) fn tell_soon(&mut self, place: &Place) {
        let (now, written) = (Instant::now(), self.desk.written.get(place));
        let at = written.map_or(now, |written| (*written + bounds::KEDA_STATUS).max(now));
        self.desk.statuses.at(place, at);
    }

    /// Writes the status of what is at `place`, if it is another.
    pub(super) fn tell(&mut self, place: Place) {
        let Some(object) = self.desk.objects.get(&place).cloned() else { return };
        let before = &object["status"];
        let status = match self.desk.refused.get(&place) {
            Some(why) => Some(status::refused(&S::WORDS, before, why)),
            None => self.serves.status(&place, before),
        };
        let Some(status) = status.filter(|status| status::differs(status, before)) else { return };
        let errors = self.serves.errors(&place).unwrap_or_default();
        for (tone, reason, message) in status::news(&S::WORDS, before, &status, &errors) {
            self.desk.tell_of(&place, uid(&object), tone, reason, message);
        }
        self.desk.written.insert(place.clone(), Instant::now());
        let (writes, kind) = (self.desk.parts.writes.clone(), self.desk.kind.clone());
        self.desk
            .writing
            .spawn(async move { Wrote { written: write::<S>(&writes, &kind, &place, &status).await, place } });
    }

    /// A status was written, or could not be.
    pub(super) fn wrote(&mut self, Wrote { place, written }: Wrote) {
        match written {
            Ok(written) => self.desk.objects.answered(&written, S::used(&written)),
            Err(error) if error.code() == Some(404) => {}
            Err(error) => {
                tracing::warn!("the status of {} {place} cannot be written: {error}", self.desk.kind.kind);
                self.tell_soon(&place);
            }
        }
    }
}

impl Desk<'_> {
    /// Tells something of the object at `place` that has this UID.
    pub(super) fn tell_of(&self, place: &Place, uid: String, tone: Tone, reason: &'static str, message: String) {
        let about = about(&self.kind, place, uid);
        self.parts.teller.tell(Told { about, tone, reason, message });
    }
}

/// The object of `kind` at `place` that has this UID.
pub(super) fn about(kind: &ApiResource, place: &Place, uid: String) -> About {
    About::Object(ObjectRef {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
        namespace: place.namespace.clone(),
        name: place.name.clone(),
        uid,
    })
}

async fn write<S: Serves>(
    writes: &Writes,
    kind: &ApiResource,
    place: &Place,
    status: &Value,
) -> Result<DynamicObject, WriteError> {
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let request = Request::new(DynamicObject::url_path(kind, Some(&place.namespace)))
        .patch_subresource("status", &place.name, &parameters, &Patch::Merge(json!({ "status": status })))
        .map_err(kube::Error::BuildRequest)?;
    writes.send(Urgency::News, S::WORDS.written_as, request).await
}
