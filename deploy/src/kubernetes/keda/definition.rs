//! The definitions of KEDA's objects as resources of a cluster that has no KEDA: those that are served, with the fields that
//! are read. Others are kept, for KEDA may come back; whoever looks at the status or the log is told of them.

use serde_json::{Map, Value, json};

use super::{cluster_trigger_authentications, scaled_jobs, scaled_objects, trigger_authentications};
use crate::kubernetes::names::MANAGED_BY;

/// The CustomResourceDefinitions: KEDA's group, version, names and columns.
pub fn definitions() -> [Value; 4] {
    let all = [scaled_objects(), scaled_jobs(), trigger_authentications(), cluster_trigger_authentications()];
    let [objects, jobs, namespaced, of_cluster] = all.map(|kind| kind.kind);
    let by = |name: &str, path: &str| column(name, "string", path);
    let authentication = vec![
        by("Secret", ".spec.secretTargetRef[*].name"),
        by("ConfigMap", ".spec.configMapTargetRef[*].name"),
        by("Env", ".spec.env[*].name"),
    ];
    [
        definition(&objects, "Namespaced", "so", &scaled_object(), &columns()),
        definition(&jobs, "Namespaced", "sj", &scaled_job(), &job_columns()),
        definition(&namespaced, "Namespaced", "ta", &trigger_authentication(), &authentication),
        definition(&of_cluster, "Cluster", "cta", &trigger_authentication(), &authentication),
    ]
}

fn definition(kind: &str, scope: &str, short: &str, spec: &Value, columns: &[Value]) -> Value {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.keda.sh"), "labels": { "app.kubernetes.io/managed-by": MANAGED_BY },
        },
        "spec": {
            "group": "keda.sh",
            "scope": scope,
            "names": {
                "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular,
                "shortNames": [short],
            },
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": columns,
                "schema": { "openAPIV3Schema": {
                    "type": "object", "required": ["spec"], "properties": { "spec": spec, "status": any() },
                } },
            }],
        },
    })
}

fn column(name: &str, kind: &str, path: &str) -> Value {
    json!({ "name": name, "type": kind, "jsonPath": path })
}

fn condition(kind: &str) -> Value {
    column(kind, "string", &format!(".status.conditions[?(@.type=='{kind}')].status"))
}

fn columns() -> Vec<Value> {
    vec![
        column("ScaleTargetKind", "string", ".status.scaleTargetKind"),
        column("ScaleTargetName", "string", ".spec.scaleTargetRef.name"),
        column("Min", "integer", ".spec.minReplicaCount"),
        column("Max", "integer", ".spec.maxReplicaCount"),
        condition("Ready"),
        condition("Active"),
        condition("Fallback"),
        condition("Paused"),
        column("Triggers", "string", ".status.triggersTypes"),
        column("Authentications", "string", ".status.authenticationsTypes"),
        column("Age", "date", ".metadata.creationTimestamp"),
    ]
}

fn job_columns() -> Vec<Value> {
    vec![
        column("Min", "integer", ".spec.minReplicaCount"),
        column("Max", "integer", ".spec.maxReplicaCount"),
        condition("Ready"),
        condition("Active"),
        condition("Paused"),
        column("Triggers", "string", ".status.triggersTypes"),
        column("Authentications", "string", ".status.authenticationsTypes"),
        column("Age", "date", ".metadata.creationTimestamp"),
    ]
}

/// An object with these fields, and others that are kept.
fn object(required: &[&str], fields: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
    let mut object = any();
    object["properties"] = Value::Object(properties);
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

fn any() -> Value {
    json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number(least: u32) -> Value {
    json!({ "type": "integer", "format": "int32", "minimum": least })
}

fn triggers() -> Value {
    let reference = object(&["name"], &[("name", text()), ("kind", text())]);
    let metadata = json!({ "type": "object", "additionalProperties": text() });
    list(object(
        &["type", "metadata"],
        &[
            ("type", text()),
            ("name", text()),
            ("metadata", metadata),
            ("authenticationRef", reference),
            ("metricType", text()),
            ("useCachedMetrics", json!({ "type": "boolean" })),
        ],
    ))
}

fn scaled_object() -> Value {
    let target = [("name", text()), ("kind", text()), ("apiVersion", text()), ("envSourceContainerName", text())];
    let fallback = object(
        &["failureThreshold", "replicas"],
        &[("failureThreshold", number(0)), ("replicas", number(0)), ("behavior", text())],
    );
    let modifiers = [("formula", text()), ("target", text()), ("activationTarget", text()), ("metricType", text())];
    let advanced = object(
        &[],
        &[
            ("restoreToOriginalReplicaCount", json!({ "type": "boolean" })),
            ("horizontalPodAutoscalerConfig", object(&[], &[("name", text()), ("behavior", any())])),
            ("scalingModifiers", object(&[], &modifiers)),
        ],
    );
    object(
        &["scaleTargetRef", "triggers"],
        &[
            ("scaleTargetRef", object(&["name"], &target)),
            ("pollingInterval", number(1)),
            ("initialCooldownPeriod", number(0)),
            ("cooldownPeriod", number(0)),
            ("idleReplicaCount", number(0)),
            ("minReplicaCount", number(0)),
            ("maxReplicaCount", number(1)),
            ("advanced", advanced),
            ("fallback", fallback),
            ("triggers", triggers()),
        ],
    )
}

/// What a Job is the apiserver looks at when one is created.
fn scaled_job() -> Value {
    let scaling = [
        ("strategy", text()),
        ("customScalingQueueLengthDeduction", json!({ "type": "integer", "format": "int32" })),
        ("customScalingRunningJobPercentage", text()),
        ("pendingPodConditions", list(text())),
        ("multipleScalersCalculation", text()),
    ];
    object(
        &["jobTargetRef", "triggers"],
        &[
            ("jobTargetRef", object(&["template"], &[("template", any())])),
            ("pollingInterval", number(1)),
            ("minReplicaCount", number(0)),
            ("maxReplicaCount", number(0)),
            ("successfulJobsHistoryLimit", number(0)),
            ("failedJobsHistoryLimit", number(0)),
            ("envSourceContainerName", text()),
            ("rolloutStrategy", text()),
            ("rollout", object(&[], &[("strategy", text()), ("propagationPolicy", text())])),
            ("scalingStrategy", object(&[], &scaling)),
            ("triggers", triggers()),
        ],
    )
}

fn trigger_authentication() -> Value {
    let by_key = || {
        let fields = [("parameter", text()), ("name", text()), ("key", text())];
        list(object(&["parameter", "name", "key"], &fields))
    };
    let variable = [("parameter", text()), ("name", text()), ("containerName", text())];
    object(
        &[],
        &[
            ("secretTargetRef", by_key()),
            ("configMapTargetRef", by_key()),
            ("env", list(object(&["parameter", "name"], &variable))),
            ("filePath", text()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

    use super::*;

    #[test]
    fn they_are_definitions_under_kedas_names() {
        let read = definitions().map(|value| serde_json::from_value::<CustomResourceDefinition>(value).unwrap());
        let names = read.each_ref().map(|definition| definition.metadata.name.as_deref().unwrap());
        let expected = [
            "scaledobjects.keda.sh",
            "scaledjobs.keda.sh",
            "triggerauthentications.keda.sh",
            "clustertriggerauthentications.keda.sh",
        ];
        assert_eq!(names, expected);
        let kinds = [scaled_objects(), scaled_jobs(), trigger_authentications(), cluster_trigger_authentications()];
        for (definition, kind) in read.iter().zip(kinds) {
            assert_eq!((&definition.spec.names.kind, &definition.spec.names.plural), (&kind.kind, &kind.plural));
            assert_eq!(definition.spec.versions[0].name, kind.version);
        }
    }
}
