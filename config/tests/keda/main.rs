//! KEDA's objects: what they say, and what is wrong in them.

mod fields;
mod refused;
mod same_files;

use config::keda::{ScaledJob, ScaledObject, TriggerAuthentication};
use config::{Problems, Warning};
use serde_json::{Value, json};

/// One trigger of no interest.
fn redis() -> Value {
    json!({ "type": "redis", "metadata": { "listName": "jobs" } })
}

/// An object with this `spec`, in which what is not said is filled in.
fn with(spec: &Value, filled: &Value) -> Value {
    let mut spec = spec.clone();
    for (name, value) in filled.as_object().expect("fields") {
        spec.as_object_mut().expect("fields").entry(name).or_insert_with(|| value.clone());
    }
    json!({ "metadata": { "name": "worker", "namespace": "shop" }, "spec": spec })
}

fn scaled_object(spec: &Value) -> Result<(ScaledObject, Vec<String>), Vec<String>> {
    let filled = json!({ "scaleTargetRef": { "name": "worker" }, "triggers": [redis()] });
    said(ScaledObject::on_cluster(&with(spec, &filled)))
}

fn scaled_job(spec: &Value) -> Result<(ScaledJob, Vec<String>), Vec<String>> {
    let filled = json!({ "jobTargetRef": { "template": { "spec": {} } }, "triggers": [redis()] });
    said(ScaledJob::on_cluster(&with(spec, &filled)))
}

fn authentication(spec: &Value) -> Result<(TriggerAuthentication, Vec<String>), Vec<String>> {
    said(TriggerAuthentication::on_cluster(&with(spec, &json!({}))))
}

fn said<T>(read: Result<(T, Vec<Warning>), Problems>) -> Result<(T, Vec<String>), Vec<String>> {
    read.map(|(value, warnings)| (value, warnings.iter().map(ToString::to_string).collect()))
        .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}
