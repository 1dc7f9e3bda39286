//! What the apiserver asks the injector about.

use serde_json::{Value, json};

use super::cluster_metadata;
use crate::install::{Object, Settings};
use crate::kubernetes::names::{INJECT_LABEL, INJECTOR, SYSTEM_LABEL};

/// Namespaces that Kubernetes itself lives in. Where they do not carry their name as a label (before 1.21), `rouse
/// install` gives them [`SYSTEM_LABEL`].
pub(in crate::install) const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// The label with its name that Kubernetes gives every namespace since 1.21.
pub(in crate::install) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The configuration. It says nothing of `caBundle`: that is the injector's, which renews it.
pub(super) fn webhook(settings: &Settings) -> Object {
    Object::new(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": cluster_metadata(INJECTOR),
        "webhooks": [pods(settings), services(settings)],
    }))
}

/// Labelled pods get their queue-proxy. One without it would be reached by nobody, and so there is none while the
/// injector is down. Webhooks behind this one may add to the pod, and we look again.
fn pods(settings: &Settings) -> Value {
    let mut webhook = asked("pods.rouse.dev", settings, "/pods");
    webhook["rules"] = json!([rule("CREATE", "pods")]);
    webhook["objectSelector"] = json!({ "matchLabels": { INJECT_LABEL: "true" } });
    webhook["failurePolicy"] = "Fail".into();
    webhook["reinvocationPolicy"] = "IfNeeded".into();
    webhook
}

/// Services that Rouse routes keep their key when they are applied anew. Annotations cannot be selected by, so this is
/// asked of all: it must never be in anybody's way.
fn services(settings: &Settings) -> Value {
    let mut webhook = asked("services.rouse.dev", settings, "/services");
    webhook["rules"] = json!([rule("UPDATE", "services")]);
    webhook["failurePolicy"] = "Ignore".into();
    webhook["reinvocationPolicy"] = "Never".into();
    webhook
}

fn asked(name: &str, settings: &Settings, path: &str) -> Value {
    json!({
        "name": name,
        "clientConfig": {
            "service": { "name": INJECTOR, "namespace": settings.namespace, "path": path, "port": 443 },
        },
        "namespaceSelector": {
            "matchExpressions": [
                { "key": SYSTEM_LABEL, "operator": "NotIn", "values": ["true"] },
                { "key": NAME_LABEL, "operator": "NotIn", "values": SYSTEM_NAMESPACES },
            ],
        },
        "admissionReviewVersions": ["v1"],
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 2,
    })
}

fn rule(operation: &str, resource: &str) -> Value {
    json!({
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": [operation],
        "resources": [resource],
        "scope": "Namespaced",
    })
}
