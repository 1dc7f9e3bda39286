//! Server-side apply: an object becomes as we say, in what we say of it.

use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use serde_json::Value;

use super::watched::Place;
use super::writes::{Urgency, WriteError, Writes};

/// Applies `object` for the field manager `manager`, counted as `what`, and returns it as it is then. What others
/// set otherwise they lose; what this manager does not say any more goes.
pub(super) async fn apply(
    writes: &Writes,
    (manager, what): (&str, &'static str),
    kind: &ApiResource,
    place: &Place,
    object: &Value,
) -> Result<DynamicObject, WriteError> {
    let request = Request::new(DynamicObject::url_path(kind, Some(&place.namespace)))
        .patch(&place.name, &PatchParams::apply(manager).force(), &Patch::Apply(object))
        .map_err(kube::Error::BuildRequest)?;
    writes.send(Urgency::Upkeep, what, request).await
}
