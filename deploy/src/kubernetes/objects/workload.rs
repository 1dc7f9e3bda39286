//! Workloads: Deployments, StatefulSets, and whatever else has a scale subresource.

use std::collections::BTreeMap;

use config::annotations::keys;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{Object, or_default};
use crate::kubernetes::names::{QUEUE_PROXY, SCALE_LABEL};
use crate::triggers::PodNumbers;

/// A workload, as far as it is used.
pub(in crate::kubernetes) type WorkloadObject = Object<WorkloadSpec, WorkloadStatus>;

/// What the workload is to be.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::kubernetes) struct WorkloadSpec {
    /// None is one in Deployments and StatefulSets, which always have it once they are stored.
    #[serde(default, deserialize_with = "if_it_fits")]
    pub(in crate::kubernetes) replicas: Option<u32>,
    #[serde(default, deserialize_with = "if_it_fits")]
    pub(in crate::kubernetes) selector: Option<LabelSelector>,
    #[serde(default)]
    pub(in crate::kubernetes) template: Value,
}

impl WorkloadSpec {
    /// The labels of its pods.
    pub(in crate::kubernetes) fn pod_labels(&self) -> BTreeMap<String, String> {
        let labels = self.template["metadata"]["labels"].as_object().into_iter().flatten();
        labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

/// How it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::kubernetes) struct WorkloadStatus {
    #[serde(default, deserialize_with = "if_it_fits")]
    pub(in crate::kubernetes) conditions: Vec<Condition>,
    /// How many pods there are.
    #[serde(default, deserialize_with = "if_it_fits")]
    replicas: Option<u32>,
    /// How many of them are ready.
    #[serde(default, rename = "readyReplicas", deserialize_with = "if_it_fits")]
    ready: Option<u32>,
}

impl WorkloadStatus {
    /// How many pods there are, as its controller counts them.
    pub(in crate::kubernetes) fn numbers(&self) -> PodNumbers {
        PodNumbers { exist: self.replicas.unwrap_or(0), ready: self.ready.unwrap_or(0) }
    }
}

/// One condition of a workload or a pod.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::kubernetes) struct Condition {
    #[serde(rename = "type", default)]
    pub(in crate::kubernetes) kind: String,
    #[serde(default)]
    pub(in crate::kubernetes) status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) reason: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) message: String,
}

/// What a kind of which only the scale subresource is known calls alike may be something else: one field must not make
/// a whole list unreadable.
fn if_it_fits<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).unwrap_or_default())
}

impl WorkloadObject {
    /// Whether its author has handed it to Rouse by the label.
    pub(in crate::kubernetes) fn is_labelled(&self) -> bool {
        self.metadata.object.labels.as_ref().and_then(|labels| labels.get(SCALE_LABEL)).is_some_and(|is| is == "true")
    }

    /// All of the object that settings are read from, as text. Two objects with the same declaration are scaled and
    /// served alike; what Rouse writes itself is not in it.
    pub(in crate::kubernetes) fn declaration(&self) -> Box<str> {
        let object = &self.metadata.object;
        let metadata = |labels: Value, annotations: Value| json!({ "labels": labels, "annotations": annotations });
        let text = |(key, value): (&String, &String)| (key.clone(), Value::from(value.as_str()));
        let labels = settings(object.labels.iter().flatten().map(text));
        let annotations = settings(object.annotations.iter().flatten().map(text));
        let mut declared = json!({ "metadata": metadata(labels, annotations) });
        let template = &self.spec.template;
        if template.is_object() {
            let pair = |(key, value): (&String, &Value)| (key.clone(), value.clone());
            let of = |field: &str| settings(template["metadata"][field].as_object().into_iter().flatten().map(pair));
            let mut pod = Map::new();
            if let grace @ Value::Number(_) = &template["spec"]["terminationGracePeriodSeconds"] {
                pod.insert("terminationGracePeriodSeconds".to_owned(), grace.clone());
            }
            pod.insert("containers".to_owned(), app(&template["spec"]["containers"]).into_iter().collect());
            declared["spec"]["template"] =
                json!({ "metadata": metadata(of("labels"), of("annotations")), "spec": pod });
        }
        declared.to_string().into()
    }
}

/// Of labels or annotations those that set a workload.
fn settings(pairs: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(pairs.filter(|(key, _)| keys::is_setting(key) && !keys::is_written(key)).collect())
}

/// The container that requests are for, with what its front has to know.
fn app(containers: &Value) -> Option<Value> {
    let first = containers.as_array()?.iter().find(|container| container["name"] != QUEUE_PROXY)?;
    let known = ["name", "ports", "readinessProbe"].into_iter();
    let fields = known.filter_map(|field| Some((field.to_owned(), first.get(field)?.clone())));
    Some(Value::Object(fields.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Value {
        // As an apiserver serves it, but for what would be the same again.
        json!({
            "metadata": {
                "name": "hello", "namespace": "shop", "uid": "u-1", "resourceVersion": "812", "generation": 2,
                "labels": { "app": "hello", "rouse.dev/scale": "true" },
                "annotations": {
                    "deployment.kubernetes.io/revision": "1", "rouse.dev/timeout": "30s",
                    "kubectl.kubernetes.io/last-applied-configuration": "{\"long\":\"text\"}",
                },
            },
            "spec": {
                "replicas": 2, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                "strategy": { "type": "RollingUpdate" },
                "selector": { "matchLabels": { "app": "hello" } },
                "template": {
                    "metadata": { "creationTimestamp": null, "labels": { "app": "hello", "rouse.dev/inject": "true" } },
                    "spec": {
                        "containers": [{
                            "name": "app", "image": "example.local/app:1", "imagePullPolicy": "IfNotPresent",
                            "ports": [{ "containerPort": 8080, "protocol": "TCP" }], "resources": {},
                        }],
                        "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30,
                    },
                },
            },
            "status": {
                "observedGeneration": 2, "replicas": 2,
                "conditions": [{
                    "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
                    "message": "Deployment has minimum availability.", "lastUpdateTime": "2026-01-02T03:04:05Z",
                }],
            },
        })
    }

    fn read(value: Value) -> WorkloadObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_declaration_has_what_settings_are_read_from() {
        let object = read(deployment());
        assert_eq!((object.spec.replicas, object.status.conditions[0].kind.as_str()), (Some(2), "Available"));
        let declared: Value = serde_json::from_str(&object.declaration()).unwrap();
        assert_eq!(
            declared,
            json!({
                "metadata": {
                    "labels": { "rouse.dev/scale": "true" }, "annotations": { "rouse.dev/timeout": "30s" },
                },
                "spec": { "template": {
                    "metadata": { "labels": { "rouse.dev/inject": "true" }, "annotations": {} },
                    "spec": {
                        "terminationGracePeriodSeconds": 30,
                        "containers": [{ "name": "app", "ports": [{ "containerPort": 8080, "protocol": "TCP" }] }],
                    },
                } },
            })
        );
    }

    #[test]
    fn what_rouse_writes_and_what_the_controller_says_changes_nothing_of_it() {
        let before = read(deployment()).declaration();
        let mut changed = deployment();
        for (key, value) in [("rouse.dev/original-replicas", "2"), ("rouse.dev/initialized", "true")] {
            changed["metadata"]["annotations"][key] = value.into();
        }
        changed["spec"]["replicas"] = 0.into();
        changed["status"]["conditions"] = Value::Null;
        let changed = read(changed);
        assert_eq!(changed.declaration(), before);
        assert!(changed.status.conditions.is_empty());
    }

    #[test]
    fn a_kind_of_which_little_is_known_is_read_too() {
        let object = read(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": { "name": "r" },
            "spec": { "workloadRef": { "kind": "Deployment", "name": "hello" }, "selector": null }, "status": null,
        }));
        assert_eq!((object.spec.replicas, object.spec.selector.is_none()), (None, true));
        assert_eq!(&*object.declaration(), r#"{"metadata":{"annotations":{},"labels":{}}}"#);
        let strange = read(json!({
            "metadata": { "name": "s" }, "spec": { "replicas": "two", "selector": "app=s", "template": "small" },
            "status": { "conditions": { "ready": true } },
        }));
        assert_eq!((strange.spec.replicas, strange.spec.selector.is_none()), (None, true));
        assert!(strange.status.conditions.is_empty());
    }
}
