//! Everything that an installation consists of, as plain objects.

mod budgets;
mod deployments;
mod monitor;
mod namespace;
mod pods;
mod rbac;
mod services;
mod webhook;

use serde_json::{Value, json};

use super::{Object, Settings};
use crate::kubernetes::names::{MANAGED_BY, PROCESS_LABEL};
use crate::kubernetes::{keda, knative};

use namespace::config;
pub(super) use namespace::foreign_namespace;
pub(super) use rbac::TRIGGER_SECRETS;
pub(super) use webhook::{NAME_LABEL, SYSTEM_NAMESPACES};

/// The label of whoever made an object.
pub(super) const MANAGER_LABEL: &str = "app.kubernetes.io/managed-by";

/// Selects all that is part of Rouse.
pub(super) const PART_OF: &str = "app.kubernetes.io/part-of=rouse";

/// All objects, in the order in which they are applied.
pub fn manifests(settings: &Settings) -> Vec<Object> {
    let mut all = vec![namespace::namespace(settings)];
    if settings.knative_services {
        all.push(Object::new(knative::definition()));
    }
    if settings.keda_objects {
        all.extend(keda::definitions().map(Object::new));
    }
    all.extend(namespace::accounts(settings));
    all.extend(rbac::roles(settings));
    all.push(config(settings));
    all.extend(services::services(settings));
    all.extend(budgets::budgets(settings));
    all.extend(deployments::deployments(settings));
    all.push(webhook::webhook(settings));
    if settings.pod_monitor {
        all.push(monitor::monitor(settings));
    }
    all
}

/// Labels that all of our objects have.
fn labels() -> Value {
    json!({ "app.kubernetes.io/part-of": "rouse", MANAGER_LABEL: MANAGED_BY })
}

/// Labels of what belongs to the process `name`.
fn labels_of(name: &str) -> Value {
    let mut labels = labels();
    labels[PROCESS_LABEL] = name.into();
    labels
}

/// The label that selects the pods of the process `name`.
fn selector(name: &str) -> Value {
    json!({ PROCESS_LABEL: name })
}

/// Metadata of what belongs to the process `name` and has no namespace.
fn cluster_metadata(name: &str) -> Value {
    json!({ "name": name, "labels": labels_of(name) })
}

/// Metadata of what belongs to the process `name`.
fn metadata(settings: &Settings, name: &str) -> Value {
    let mut metadata = cluster_metadata(name);
    metadata["namespace"] = settings.namespace.as_str().into();
    metadata
}
