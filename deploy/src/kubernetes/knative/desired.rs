//! What a Knative `Service` becomes: a Deployment and a Service of its name.

use std::hash::{DefaultHasher, Hash, Hasher};

use config::Protocol;
use config::manifest::KnativeService;
use serde_json::{Map, Value, json};

use crate::kubernetes::names::{
    APPLIED, INJECT_LABEL, KNATIVE_SERVICE, MANAGED_BY, ROUTE_KEY, ROUTE_MANAGED, SCALE_LABEL, WORKLOAD_ANNOTATION,
};
use crate::kubernetes::watched::Place;

/// Where clients reach it.
const CLIENT_PORT: u16 = 80;

/// The objects to be applied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Desired {
    /// Without a number of replicas: that is the autoscaler's.
    pub(super) deployment: Value,
    pub(super) service: Value,
    /// How many replicas the Deployment is to begin with.
    pub(super) initial_scale: u32,
}

/// What `object`, read as `service`, becomes; its pods are of `revision`.
pub(super) fn desired(place: &Place, object: &Value, service: &KnativeService, revision: &str) -> Desired {
    Desired {
        deployment: marked(deployment(place, object, service, revision)),
        service: marked(front(place, object, service)),
        initial_scale: service.policy.initial_scale.max(service.policy.min_scale),
    }
}

/// What an object was made from.
pub(super) fn mark(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][APPLIED].as_str()
}

/// Notes in the object what it was made from. What follows from the same is the same, from one process to the next; a
/// hash that differs costs one write.
fn marked(mut object: Value) -> Value {
    let mut hasher = DefaultHasher::new();
    object.to_string().hash(&mut hasher);
    object["metadata"]["annotations"][APPLIED] = format!("{:016x}", hasher.finish()).into();
    object
}

fn metadata(place: &Place, object: &Value, labels: &Value, annotations: Value) -> Value {
    let mut all = json!({ KNATIVE_SERVICE: place.name, "app.kubernetes.io/managed-by": MANAGED_BY });
    extend(&mut all, labels);
    json!({
        "name": place.name,
        "namespace": place.namespace,
        "labels": all,
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": place.name,
            "uid": object["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

fn deployment(place: &Place, object: &Value, service: &KnativeService, revision: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(place, object, &json!({ SCALE_LABEL: "true" }), json!(service.settings)),
        "spec": {
            "progressDeadlineSeconds": service.policy.progress_deadline.as_secs(),
            "selector": { "matchLabels": { KNATIVE_SERVICE: place.name } },
            "template": template(place, object, service, revision),
        },
    })
}

fn front(place: &Place, object: &Value, service: &KnativeService) -> Value {
    let port = json!({
        "name": port_name(service), "port": CLIENT_PORT, "targetPort": service.port, "protocol": "TCP",
    });
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(place, object, &json!({}), json!({ WORKLOAD_ANNOTATION: place.name })),
        // The key is there from the start: Kubernetes never leads past Rouse.
        "spec": { "selector": { KNATIVE_SERVICE: place.name, ROUTE_KEY: ROUTE_MANAGED }, "ports": [port] },
    })
}

fn port_name(service: &KnativeService) -> &'static str {
    match service.serving.protocol {
        Protocol::Http1 => "http",
        Protocol::H2c => "h2c",
    }
}

/// The pod template, as the user wrote it, and what Knative and Rouse add.
fn template(place: &Place, object: &Value, service: &KnativeService, revision: &str) -> Value {
    let written = &object["spec"]["template"];
    let mut labels = json!({});
    extend(&mut labels, &written["metadata"]["labels"]);
    extend(&mut labels, &json!({ KNATIVE_SERVICE: place.name, INJECT_LABEL: "true" }));
    let mut annotations = json!({});
    extend(&mut annotations, &written["metadata"]["annotations"]);
    extend(&mut annotations, &json!(service.limits));
    json!({
        "metadata": { "labels": labels, "annotations": annotations },
        "spec": pod(place, &written["spec"], service, revision),
    })
}

/// Fields of Knative's that are no fields of a pod.
const KNATIVE_ONLY: [&str; 4] =
    ["containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds"];

fn pod(place: &Place, written: &Value, service: &KnativeService, revision: &str) -> Value {
    let mut pod = written.as_object().cloned().unwrap_or_default();
    pod.retain(|field, value| !KNATIVE_ONLY.contains(&field.as_str()) && !value.is_null());
    pod.entry("enableServiceLinks").or_insert(false.into());
    pod.insert("terminationGracePeriodSeconds".to_owned(), service.serving.termination_grace.as_secs().into());
    if let Some(Value::Array(containers)) = pod.get_mut("containers") {
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            complete(container, place, service, revision);
        }
    }
    Value::Object(pod)
}

/// What Knative lets users leave out of a container, and what it tells the app.
fn complete(container: &mut Map<String, Value>, place: &Place, service: &KnativeService, revision: &str) {
    container.entry("name").or_insert("user-container".into());
    let port = json!({ "name": port_name(service), "containerPort": service.port, "protocol": "TCP" });
    container.insert("ports".to_owned(), json!([port]));
    let variables = [
        ("PORT", service.port.to_string()),
        ("K_SERVICE", place.name.clone()),
        ("K_CONFIGURATION", place.name.clone()),
        ("K_REVISION", revision.to_owned()),
    ];
    let env = container.entry("env").or_insert(Value::Null);
    let mut all = env.as_array().cloned().unwrap_or_default();
    all.extend(variables.into_iter().map(|(name, value)| json!({ "name": name, "value": value })));
    *env = Value::Array(all);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(Value::Object(probe)) = container.get_mut(probe) {
            complete_probe(probe, service.port);
        }
    }
}

/// A probe without a kind is one by TCP, one without a port asks the app's; zero seconds are Knative's default.
fn complete_probe(probe: &mut Map<String, Value>, port: u16) {
    const KINDS: [&str; 4] = ["httpGet", "tcpSocket", "grpc", "exec"];
    if !KINDS.iter().any(|kind| probe.contains_key(*kind)) {
        probe.insert("tcpSocket".to_owned(), json!({}));
    }
    for kind in &KINDS[..3] {
        if let Some(Value::Object(action)) = probe.get_mut(*kind)
            && action.get("port").is_none_or(|port| port.is_null() || *port == 0)
        {
            action.insert("port".to_owned(), port.into());
        }
    }
    if probe.get("periodSeconds").is_some_and(|period| *period == 0) {
        probe.remove("periodSeconds");
    }
}

fn extend(all: &mut Value, more: &Value) {
    if let (Value::Object(all), Value::Object(more)) = (all, more) {
        all.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

#[cfg(test)]
mod tests;
