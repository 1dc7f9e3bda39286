//! Our metrics, for a Prometheus operator.

use serde_json::json;

use super::labels;
use crate::install::{Object, Settings};

/// A PodMonitor of the three processes.
pub(super) fn monitor(settings: &Settings) -> Object {
    Object::new(json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": { "name": "rouse", "namespace": settings.namespace, "labels": labels() },
        "spec": {
            "selector": { "matchLabels": { "app.kubernetes.io/part-of": "rouse" } },
            "podMetricsEndpoints": [{ "port": "admin", "path": "/metrics" }],
        },
    }))
}
