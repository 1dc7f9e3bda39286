//! What became of one ScaledObject: its status, written late and only when it changed, and events.

use config::bounds;
use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, Request, Resource};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::controller::{Controller, used};
use super::{scaled_objects, status};
use crate::kubernetes::names::FIELD_MANAGER;
use crate::kubernetes::told::{About, ObjectRef, Told, Tone};
use crate::kubernetes::watched::Place;
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// What became of writing a status.
pub(super) struct Wrote {
    place: Place,
    written: Result<DynamicObject, WriteError>,
}

impl Controller<'_> {
    /// Its status is looked at soon, but written no more often than it may be.
    pub(super) fn tell_soon(&mut self, place: &Place) {
        let now = Instant::now();
        self.statuses
            .at(place, self.written.get(place).map_or(now, |written| (*written + bounds::KEDA_STATUS).max(now)));
    }

    /// Writes the status of what is at `place`, if it is another.
    pub(super) fn tell(&mut self, place: Place) {
        let Some(object) = self.objects.get(&place).cloned() else { return };
        let before = &object["status"];
        let now = self.served.get(&place).and_then(|served| self.keepers.told().of(served.workload()));
        let status = match (self.refused.get(&place), self.served.get(&place), &now) {
            (Some(why), ..) => Some(status::refused(before, why)),
            (None, Some(served), Some(now)) => status::served(before, &served.facts, now),
            _ => None,
        };
        let Some(status) = status.filter(|status| status::differs(status, before)) else { return };
        let errors = now.iter().flat_map(|now| &now.triggers).filter_map(|trigger| {
            let error = trigger.error.as_ref()?;
            Some(format!("{}: {error}", trigger.name))
        });
        for (tone, reason, message) in status::news(before, &status, &errors.collect::<Vec<_>>().join("; ")) {
            self.tell_of(&place, uid(&object), tone, reason, message);
        }
        self.written.insert(place.clone(), Instant::now());
        let writes = self.parts.writes.clone();
        self.writing.spawn(async move { Wrote { written: write(&writes, &place, &status).await, place } });
    }

    /// A status was written, or could not be.
    pub(super) fn wrote(&mut self, Wrote { place, written }: Wrote) {
        match written {
            Ok(written) => drop(self.objects.put(&written, used(&written))),
            Err(error) if error.code() == Some(404) => {}
            Err(error) => {
                tracing::warn!("the status of ScaledObject {place} cannot be written: {error}");
                self.tell_soon(&place);
            }
        }
    }

    pub(super) fn tell_of(&self, place: &Place, uid: String, tone: Tone, reason: &'static str, message: String) {
        let kind = scaled_objects();
        let about = About::Object(ObjectRef {
            api_version: kind.api_version,
            kind: kind.kind,
            namespace: place.namespace.clone(),
            name: place.name.clone(),
            uid,
        });
        self.parts.teller.tell(Told { about, tone, reason, message });
    }
}

async fn write(writes: &Writes, place: &Place, status: &Value) -> Result<DynamicObject, WriteError> {
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let request = Request::new(DynamicObject::url_path(&scaled_objects(), Some(&place.namespace)))
        .patch_subresource("status", &place.name, &parameters, &Patch::Merge(json!({ "status": status })))
        .map_err(kube::Error::BuildRequest)?;
    writes.send(Urgency::News, "scaled-object-status", request).await
}

/// By which events find it.
pub(super) fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}
