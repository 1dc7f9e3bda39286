//! Objects of the cluster, with the fields that are used and no others.
//!
//! Whatever else an object has is skipped while it is read: a list of ten thousand Deployments passes through memory a
//! page at a time, and nothing of it is kept in this form.

pub(super) mod pod;
pub(super) mod selector;
pub(super) mod workload;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time as Stamp};
use kube::core::{ApiResource, ObjectMeta};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::told::ObjectRef;

/// An object of which spec and status are read as `S` and `T`; what kind it is, whoever asked for it knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de> + Default, T: Deserialize<'de> + Default"))]
pub(super) struct Object<S, T> {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: S,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: T,
}

/// `null` is the same as nothing, as everywhere in Kubernetes.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Makes objects of a type ones that can be listed and watched: they have `metadata`, and what kind they are, whoever asks
/// for them knows.
macro_rules! of_any_kind {
    ($object:ty $(, $part:ident)*) => {
        impl<$($part),*> kube::core::Resource for $object {
            type DynamicType = kube::core::ApiResource;
            type Scope = kube::core::DynamicResourceScope;

            fn kind(dt: &kube::core::ApiResource) -> std::borrow::Cow<'_, str> {
                dt.kind.as_str().into()
            }

            fn group(dt: &kube::core::ApiResource) -> std::borrow::Cow<'_, str> {
                dt.group.as_str().into()
            }

            fn version(dt: &kube::core::ApiResource) -> std::borrow::Cow<'_, str> {
                dt.version.as_str().into()
            }

            fn api_version(dt: &kube::core::ApiResource) -> std::borrow::Cow<'_, str> {
                dt.api_version.as_str().into()
            }

            fn plural(dt: &kube::core::ApiResource) -> std::borrow::Cow<'_, str> {
                dt.plural.as_str().into()
            }

            fn meta(&self) -> &kube::core::ObjectMeta {
                &self.metadata.object
            }

            fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
                &mut self.metadata.object
            }
        }
    };
}
pub(super) use of_any_kind;

of_any_kind!(Object<S, T>, S, T);

/// What is used of an object's metadata.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    /// Without the managed fields.
    pub(super) object: ObjectMeta,
    /// Who set `spec.replicas` last, if the managed fields tell.
    pub(super) replicas_by: Option<String>,
}

impl Metadata {
    pub(super) fn name(&self) -> &str {
        self.object.name.as_deref().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.object.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn uid(&self) -> &str {
        self.object.uid.as_deref().unwrap_or_default()
    }

    /// The version, if it is a number, as it is wherever etcd is. Versions of one object can then be compared.
    pub(super) fn version(&self) -> Option<u64> {
        self.object.resource_version.as_deref()?.parse().ok()
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.object.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The owner that controls it.
    pub(super) fn controller(&self) -> Option<&OwnerReference> {
        self.object.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
    }

    /// As events name it.
    pub(super) fn reference(&self, kind: &ApiResource) -> ObjectRef {
        ObjectRef {
            api_version: kind.api_version.clone(),
            kind: kind.kind.clone(),
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
            uid: self.uid().to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Metadata, D::Error> {
        let trimmed = Trimmed::deserialize(from)?;
        let object = ObjectMeta {
            name: trimmed.name,
            namespace: trimmed.namespace,
            uid: trimmed.uid,
            resource_version: trimmed.resource_version,
            generation: trimmed.generation,
            labels: trimmed.labels,
            annotations: trimmed.annotations,
            creation_timestamp: trimmed.creation_timestamp,
            deletion_timestamp: trimmed.deletion_timestamp,
            owner_references: trimmed.owner_references,
            ..ObjectMeta::default()
        };
        Ok(Metadata { object, replicas_by: replicas_by(&trimmed.managed_fields) })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trimmed {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    labels: Option<std::collections::BTreeMap<String, String>>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
    creation_timestamp: Option<Stamp>,
    deletion_timestamp: Option<Stamp>,
    owner_references: Option<Vec<OwnerReference>>,
    #[serde(default, deserialize_with = "or_default")]
    managed_fields: Vec<Managed>,
}

/// What somebody manages of an object: whether that is `spec.replicas`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Managed {
    manager: Option<String>,
    time: Option<Stamp>,
    fields_v1: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "f:spec")]
    spec: Option<SpecFields>,
}

#[derive(Deserialize)]
struct SpecFields {
    #[serde(rename = "f:replicas")]
    replicas: Option<IgnoredAny>,
}

/// The last of those who manage `spec.replicas`.
fn replicas_by(managed: &[Managed]) -> Option<String> {
    let has_it = |managed: &&Managed| {
        managed.fields_v1.as_ref().and_then(|fields| fields.spec.as_ref()).is_some_and(|spec| spec.replicas.is_some())
    };
    managed.iter().filter(has_it).max_by_key(|managed| managed.time.as_ref().map(|time| time.0))?.manager.clone()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn metadata(value: Value) -> Metadata {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn whoever_set_replicas_last_is_known_from_the_managed_fields() {
        // As 1.33 has it after `kubectl create`, a scale by an autoscaler, and the controller's status.
        let fields = |manager: &str, time: &str, fields: Value| {
            json!({ "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": time,
                    "fieldsType": "FieldsV1", "fieldsV1": fields })
        };
        let replicas = json!({ "f:spec": { "f:replicas": {}, "f:selector": {} } });
        let metadata = metadata(json!({
            "name": "hello", "namespace": "shop", "uid": "u-1", "resourceVersion": "812", "generation": 3,
            "creationTimestamp": "2026-01-02T03:04:05Z", "selfLink": "/apis/apps/v1/namespaces/shop/deployments/hello",
            "managedFields": [
                fields("kubectl-create", "2026-01-02T03:04:05Z", replicas.clone()),
                fields("horizontal-pod-autoscaler", "2026-01-02T03:05:05Z", replicas),
                fields("kube-controller-manager", "2026-01-02T03:06:05Z", json!({ "f:status": { "f:replicas": {} } })),
            ],
        }));
        assert_eq!(metadata.replicas_by.as_deref(), Some("horizontal-pod-autoscaler"));
        assert_eq!((metadata.name(), metadata.namespace(), metadata.version()), ("hello", "shop", Some(812)));
        assert!(metadata.object.managed_fields.is_none(), "they are large");
    }

    #[test]
    fn without_managed_fields_nobody_is_known() {
        assert_eq!(metadata(json!({ "name": "hello", "managedFields": null })).replicas_by, None);
        assert_eq!(metadata(json!({ "name": "hello", "resourceVersion": "opaque" })).version(), None);
    }
}
