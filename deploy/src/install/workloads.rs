//! What users have labelled for Rouse to scale.

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::Object;
use super::cluster::Cluster;
use super::object::resource;
use crate::kubernetes::names::{INITIALIZED, LEAVING, NUDGED, ORIGINAL_REPLICAS, PAUSED, SCALE_LABEL};
use crate::kubernetes::scaled_kind::ScaledKind;

/// A labelled workload, as far as leaving it is concerned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labelled {
    /// Which it is.
    pub object: Object,
    /// How many replicas it has, if its kind tells where all do.
    pub replicas: Option<u32>,
    /// How many it had when Rouse adopted it.
    pub original: Option<u32>,
    /// Whether nothing is scaled.
    pub paused: bool,
    /// Whether `rouse uninstall` has begun with it.
    pub leaving: bool,
    /// Whether it carries what only Rouse writes.
    pub marked: bool,
}

impl Labelled {
    fn new(resource: &ApiResource, value: &Value) -> Labelled {
        let annotation = |name: &str| value["metadata"]["annotations"][name].as_str();
        let number = |value: u64| u32::try_from(value).ok();
        Labelled {
            object: Object::read(resource, value),
            replicas: value.pointer("/spec/replicas").and_then(Value::as_u64).and_then(number),
            original: annotation(ORIGINAL_REPLICAS).and_then(|text| text.parse().ok()),
            paused: annotation(PAUSED) == Some("true"),
            leaving: annotation(LEAVING) == Some("true"),
            marked: [ORIGINAL_REPLICAS, INITIALIZED, NUDGED, LEAVING].iter().any(|name| annotation(name).is_some()),
        }
    }
}

/// All labelled Deployments and StatefulSets, and those of `kinds` that the cluster serves.
///
/// # Errors
/// When the apiserver does not tell.
pub(super) async fn read(cluster: &Cluster, kinds: &[ScaledKind]) -> anyhow::Result<Vec<Labelled>> {
    let mut resources = vec![resource("apps/v1", "Deployment"), resource("apps/v1", "StatefulSet")];
    for kind in kinds {
        resources.extend(find(cluster, kind).await?);
    }
    let mut all = Vec::new();
    for resource in resources {
        let found = cluster.list(&resource, None, &format!("{SCALE_LABEL}=true")).await?;
        all.extend(found.iter().map(|value| Labelled::new(&resource, value)));
    }
    Ok(all)
}

/// Which version of `kind` the cluster prefers; none if it does not know it.
async fn find(cluster: &Cluster, kind: &ScaledKind) -> Result<Option<ApiResource>, kube::Error> {
    let groups = cluster.client().list_api_groups().await?.groups;
    let Some(group) = groups.into_iter().find(|group| group.name == kind.group) else { return Ok(None) };
    let Some(version) = group.preferred_version.or_else(|| group.versions.into_iter().next()) else { return Ok(None) };
    let resources = cluster.client().list_api_group_resources(&version.group_version).await?.resources;
    let named = resources.into_iter().find(|resource| resource.name == kind.resource);
    Ok(named.map(|resource| {
        let gvk = GroupVersionKind::gvk(&kind.group, &version.version, &resource.kind);
        ApiResource::from_gvk_with_plural(&gvk, &resource.name)
    }))
}

/// The change that stops scaling, with who did it.
pub(super) fn paused() -> Value {
    json!({ "metadata": { "annotations": { PAUSED: "true", LEAVING: "true" } } })
}

/// The change that takes [`paused`] back.
pub(super) fn unpaused() -> Value {
    json!({ "metadata": { "annotations": { PAUSED: null, LEAVING: null } } })
}

/// The change that leaves nothing of what only Rouse writes; a pause goes with it if it was ours.
pub(super) fn forgotten(unpause: bool) -> Value {
    let mut change = json!({ ORIGINAL_REPLICAS: null, INITIALIZED: null, NUDGED: null, LEAVING: null });
    if unpause {
        change[PAUSED] = Value::Null;
    }
    json!({ "metadata": { "annotations": change } })
}
