//! The namespace, who acts in it, and the ConfigMap that is for users.

use serde_json::json;

use super::{labels, metadata};
use crate::install::{Object, Settings};
use crate::kubernetes::names::{ACTIVATOR, AUTOSCALER, CONFIG_AUTOSCALER, INJECTOR, SYSTEM_LABEL};

/// Our namespace. The injector is not asked about its pods: they could not start while it is down. What runs in it needs
/// nothing that the strictest of Kubernetes' pod security standards forbids.
pub(super) fn namespace(settings: &Settings) -> Object {
    let mut labels = labels();
    labels[SYSTEM_LABEL] = "true".into();
    labels["pod-security.kubernetes.io/enforce"] = "restricted".into();
    Object::new(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": settings.namespace, "labels": labels },
    }))
}

/// What we say of a namespace that is somebody else's: not that it is ours, so that it is not deleted with us.
pub(in crate::install) fn foreign_namespace(name: &str) -> Object {
    Object::new(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": name, "labels": { SYSTEM_LABEL: "true" } },
    }))
}

/// One account a process. Activators need nothing of the apiserver, and get no token for it.
pub(super) fn accounts(settings: &Settings) -> Vec<Object> {
    let account = |name, token: bool| {
        Object::new(json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(settings, name),
            "automountServiceAccountToken": token,
        }))
    };
    vec![account(AUTOSCALER, true), account(ACTIVATOR, false), account(INJECTOR, true)]
}

/// The cluster's defaults, with Knative's keys. No `data`: what users write is never ours, and stays when this is
/// applied again.
pub(in crate::install) fn config(settings: &Settings) -> Object {
    Object::new(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": CONFIG_AUTOSCALER, "namespace": settings.namespace, "labels": labels() },
    }))
}
