//! One object of Kubernetes, as it is written.

use std::fmt;

use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Resource};
use serde::Serialize;
use serde_json::{Value, json};

/// An object as it is applied: `apiVersion`, `kind`, a `metadata.name` and all else that we say of it.
///
/// Shown as kubectl does: `deployment.apps/rouse-activator`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Object {
    value: Value,
    #[serde(skip)]
    resource: ApiResource,
}

impl Object {
    /// `value` has `apiVersion`, `kind` and `metadata.name`; its kind is one of Kubernetes' own, or has a regular plural.
    pub(super) fn new(value: Value) -> Object {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        Object { resource: resource(api_version, kind), value }
    }

    /// Says nothing of an object but which it is.
    pub(super) fn named(resource: &ApiResource, namespace: Option<&str>, name: &str) -> Object {
        let mut value =
            json!({ "apiVersion": resource.api_version, "kind": resource.kind, "metadata": { "name": name } });
        if let Some(namespace) = namespace {
            value["metadata"]["namespace"] = namespace.into();
        }
        Object { value, resource: resource.clone() }
    }

    /// The object that was read as `value`.
    pub(super) fn read(resource: &ApiResource, value: &Value) -> Object {
        let text = |key: &str| value["metadata"][key].as_str();
        Object::named(resource, text("namespace"), text("name").unwrap_or_default())
    }

    /// The whole of it.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// `v1`, `apps/v1`, …
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// `Deployment`, …
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// Its namespace, if its kind has one.
    pub fn namespace(&self) -> Option<&str> {
        self.value.pointer("/metadata/namespace").and_then(Value::as_str)
    }

    /// Its group, version, kind and plural.
    pub(super) fn resource(&self) -> &ApiResource {
        &self.resource
    }

    /// Path of all objects of its kind in its namespace.
    pub(super) fn collection(&self) -> String {
        DynamicObject::url_path(&self.resource, self.namespace())
    }

    fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource.kind.to_ascii_lowercase())?;
        if !self.resource.group.is_empty() {
            write!(f, ".{}", self.resource.group)?;
        }
        write!(f, "/{}", self.name())
    }
}

/// A kind of Kubernetes' own, or one with a regular plural.
pub(super) fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_its_path_and_is_shown_as_kubectl_does() {
        let inside = Object::named(&resource("apps/v1", "Deployment"), Some("shop"), "web");
        assert_eq!(
            (inside.collection(), inside.to_string()),
            ("/apis/apps/v1/namespaces/shop/deployments".to_owned(), "deployment.apps/web".to_owned(),)
        );
        let outside = Object::named(&resource("v1", "Namespace"), None, "shop");
        assert_eq!(
            (outside.collection(), outside.to_string()),
            ("/api/v1/namespaces".to_owned(), "namespace/shop".to_owned())
        );
    }
}
