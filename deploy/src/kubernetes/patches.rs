//! Patches of annotations, and of what keeps pods from being created.

use config::WorkloadId;
use http::{Request, header};
use kube::core::{ApiResource, DynamicObject, Resource};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::names::{FIELD_MANAGER, NUDGED};
use super::objects::{Object, or_default};
use super::scale::{self, ScaleObject, Zero};
use super::writes::{Urgency, WriteError, Writes};

/// Writes annotations on an object, counted as `what`.
pub(super) async fn annotate(
    writes: &Writes,
    what: &'static str,
    kind: &ApiResource,
    (namespace, name): (&str, &str),
    annotations: &Map<String, Value>,
) -> Result<(), WriteError> {
    let path = DynamicObject::url_path(kind, Some(namespace));
    let patch = json!({ "metadata": { "annotations": annotations } }).to_string();
    let request = Request::patch(format!("{path}/{name}?fieldManager={FIELD_MANAGER}"))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/merge-patch+json")
        .body(patch.into_bytes())
        .map_err(kube::Error::HttpError)?;
    writes.send::<IgnoredAny>(Urgency::Upkeep, what, request).await.map(drop)
}

/// Has the controller that creates a workload's pods try again now, rather than when its back-off ends: a StatefulSet's
/// own, else that of its ReplicaSets which lack pods. Any change of the object does that; ours says when it was.
pub(super) async fn nudge(
    writes: &Writes,
    kind: &ApiResource,
    (id, uid): (&WorkloadId, &str),
    selector: &str,
    now: String,
) -> Result<(), WriteError> {
    let mark = Map::from_iter([(NUDGED.to_owned(), Value::from(now))]);
    if kind.kind == "StatefulSet" {
        return annotate(writes, "nudge", kind, (id.namespace(), id.name()), &mark).await;
    }
    let sets = replica_sets();
    let path = DynamicObject::url_path(&sets, Some(id.namespace()));
    let list = kube::core::Request::new(path).list(&kube::api::ListParams::default().labels(selector));
    let list: List = writes.client().request(list.map_err(kube::Error::BuildRequest)?).await?;
    for name in list.items.iter().filter(|set| lacks_pods(set, uid)).map(|set| set.metadata.name()) {
        annotate(writes, "nudge", &sets, (id.namespace(), name), &mark).await?;
    }
    Ok(())
}

/// What became of a workload that was to have pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It is there no more.
    Deleted,
    /// It was asked to have some already.
    Had,
    /// It is asked to have some now.
    Got,
}

/// Gives a workload at zero `pods` pods, if it is still the one with this UID.
pub(super) async fn raise(
    writes: &Writes,
    kind: &ApiResource,
    (id, uid): (&WorkloadId, &str),
    pods: u32,
) -> Result<Raised, WriteError> {
    match replicas(writes, kind, (id, uid)).await? {
        None => return Ok(Raised::Deleted),
        Some(0) => {}
        Some(_) => return Ok(Raised::Had),
    }
    let patch = scale::patch(0, pods, Zero::Absent);
    let request = scale::request(kind, id.namespace(), id.name(), &patch).map_err(kube::Error::HttpError)?;
    writes.send::<IgnoredAny>(Urgency::Wake, "scale", request).await.map(|_| Raised::Got)
}

/// Gives a workload `pods` pods, whatever it has, if it is still the one with this UID.
pub(super) async fn restore(
    writes: &Writes,
    kind: &ApiResource,
    (id, uid): (&WorkloadId, &str),
    pods: u32,
) -> Result<(), WriteError> {
    let Some(has) = replicas(writes, kind, (id, uid)).await?.filter(|has| *has != pods) else { return Ok(()) };
    let patch = scale::patch(has, pods, Zero::Absent);
    let request = scale::request(kind, id.namespace(), id.name(), &patch).map_err(kube::Error::HttpError)?;
    writes.send::<IgnoredAny>(Urgency::Scale, "scale", request).await.map(drop)
}

/// How many pods the workload with this UID is asked to have; none if it is there no more.
pub(super) async fn replicas(
    writes: &Writes,
    kind: &ApiResource,
    (id, uid): (&WorkloadId, &str),
) -> Result<Option<u32>, kube::Error> {
    let request = scale::get(kind, id.namespace(), id.name()).map_err(kube::Error::HttpError)?;
    match writes.client().request::<ScaleObject>(request).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        found => found.map(|found| (found.metadata.uid() == uid).then(|| found.replicas())),
    }
}

fn replica_sets() -> ApiResource {
    ApiResource {
        group: "apps".to_owned(),
        version: "v1".to_owned(),
        api_version: "apps/v1".to_owned(),
        kind: "ReplicaSet".to_owned(),
        plural: "replicasets".to_owned(),
    }
}

#[derive(Deserialize)]
struct List {
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<Object<Wanted, Wanted>>,
}

#[derive(Default, Deserialize)]
struct Wanted {
    replicas: Option<u32>,
}

/// Whether it is the workload's and has fewer pods than it is to have.
fn lacks_pods(set: &Object<Wanted, Wanted>, uid: &str) -> bool {
    let is_owned = set.metadata.controller().is_some_and(|owner| owner.uid == uid);
    is_owned && set.spec.replicas.unwrap_or(1) > set.status.replicas.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_workloads_replica_sets_those_that_lack_pods_are_nudged() {
        let set = |name: &str, owner: &str, wanted: u32, has: u32| {
            json!({
                "metadata": { "name": name, "ownerReferences": [
                    { "apiVersion": "apps/v1", "kind": "Deployment", "name": "hello", "uid": owner, "controller": true },
                ] },
                "spec": { "replicas": wanted }, "status": { "replicas": has, "observedGeneration": 1 },
            })
        };
        let items = [set("old", "u", 0, 0), set("new", "u", 1, 0), set("full", "u", 1, 1), set("other", "v", 1, 0)];
        let list: List = serde_json::from_value(json!({ "kind": "ReplicaSetList", "items": items })).unwrap();
        let nudged: Vec<_> = list.items.iter().filter(|set| lacks_pods(set, "u")).map(|s| s.metadata.name()).collect();
        assert_eq!(nudged, ["new"]);
    }
}
