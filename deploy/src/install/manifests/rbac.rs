//! What each process may do: one table, from which the roles are made.
//!
//! No wildcards; Secrets in our own namespace only. Kubernetes cannot limit `create` to a name. Activators are not in
//! the table: they have no token for the apiserver.

use serde_json::{Value, json};

use super::{cluster_metadata, metadata};
use crate::install::{Object, Settings};
use crate::kubernetes::names::{AUTHORITY, AUTOSCALER, INJECTOR, LEASE};
use crate::kubernetes::{keda, knative};

const API: &str = "rbac.authorization.k8s.io";

/// One line of the table.
struct Grant {
    group: &'static str,
    resources: &'static [&'static str],
    /// Only objects of these names; empty: all.
    names: &'static [&'static str],
    verbs: &'static [&'static str],
}

/// What the autoscaler may do everywhere.
const AUTOSCALER_EVERYWHERE: &[Grant] = &[
    // Watches workloads; writes what must survive it into their annotations.
    Grant {
        group: "apps",
        resources: &["deployments", "statefulsets"],
        names: &[],
        verbs: &["list", "watch", "patch"],
    },
    Grant {
        group: "apps",
        resources: &["deployments/scale", "statefulsets/scale"],
        names: &[],
        verbs: &["get", "patch"],
    },
    // An annotation on it ends the back-off of a controller that could not make pods.
    Grant { group: "apps", resources: &["replicasets"], names: &[], verbs: &["list", "patch"] },
    Grant { group: "", resources: &["pods"], names: &[], verbs: &["list", "watch"] },
    // Patches a key into the selector of Services that it routes.
    Grant { group: "", resources: &["services"], names: &[], verbs: &["list", "watch", "patch"] },
    // Its own; a look whether Kubernetes has filled its own before a Service is given back; and who stands behind a Service
    // whose endpoints a trigger asks.
    Grant {
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
        names: &[],
        verbs: &["list", "watch", "create", "update", "patch", "delete"],
    },
    // Tells what it does; and only events tell why a StatefulSet has no pods.
    Grant { group: "", resources: &["events"], names: &[], verbs: &["list", "watch", "create", "patch"] },
    // Evictions take no more than one pod at a time of a workload that is never to have less than two.
    Grant {
        group: "policy",
        resources: &["poddisruptionbudgets"],
        names: &[],
        verbs: &["list", "watch", "create", "patch", "delete"],
    },
    // A foreign autoscaler of the same workload is told of, never fought.
    Grant { group: "autoscaling", resources: &["horizontalpodautoscalers"], names: &[], verbs: &["list", "watch"] },
];

/// What it may do besides where it serves Knative's `Service` objects: makes a Deployment and a Service of each.
const KNATIVE_SERVICES: &[Grant] = &[
    Grant {
        group: "apiextensions.k8s.io",
        resources: &["customresourcedefinitions"],
        names: &[knative::DEFINITION_NAME],
        verbs: &["list", "watch"],
    },
    Grant { group: "serving.knative.dev", resources: &["services"], names: &[], verbs: &["get", "list", "watch"] },
    Grant { group: "serving.knative.dev", resources: &["services/status"], names: &[], verbs: &["patch"] },
    Grant { group: "serving.knative.dev", resources: &["services/finalizers"], names: &[], verbs: &["update"] },
    Grant { group: "apps", resources: &["deployments"], names: &[], verbs: &["get", "create"] },
    Grant { group: "", resources: &["services"], names: &[], verbs: &["get", "create"] },
];

/// What it may do besides where it serves KEDA's objects: creates Jobs, and looks whether KEDA does.
const KEDA_OBJECTS: &[Grant] = &[
    Grant {
        group: "keda.sh",
        resources: &["scaledobjects", "scaledjobs", "triggerauthentications", "clustertriggerauthentications"],
        names: &[],
        verbs: &["list", "watch"],
    },
    Grant {
        group: "keda.sh",
        resources: &["scaledobjects/status", "scaledjobs/status"],
        names: &[],
        verbs: &["patch"],
    },
    // Some clusters ask for it of whoever creates what is not to outlive a ScaledJob.
    Grant { group: "keda.sh", resources: &["scaledjobs/finalizers"], names: &[], verbs: &["update"] },
    Grant { group: "batch", resources: &["jobs"], names: &[], verbs: &["list", "watch", "create", "delete"] },
    Grant { group: "apiregistration.k8s.io", resources: &["apiservices"], names: &[keda::METRICS], verbs: &["get"] },
    Grant { group: "coordination.k8s.io", resources: &["leases"], names: &[keda::LEASE], verbs: &["list"] },
];

/// What it may do in each namespace in which triggers may have Secrets.
const TRIGGER_DATA: &[Grant] =
    &[Grant { group: "", resources: &["secrets", "configmaps"], names: &[], verbs: &["get"] }];

/// The name of the roles for that.
pub(in crate::install) const TRIGGER_SECRETS: &str = "rouse-trigger-secrets";

/// Where the keys are with which the tokens of reporters are verified.
const ISSUER: &[&str] = &["/.well-known/openid-configuration", "/openid/v1/jwks"];

/// What the autoscaler may do in our namespace.
const AUTOSCALER_HERE: &[Grant] = &[
    Grant { group: "", resources: &["configmaps"], names: &[], verbs: &["list", "watch"] },
    Grant { group: "coordination.k8s.io", resources: &["leases"], names: &[], verbs: &["create"] },
    Grant {
        group: "coordination.k8s.io",
        resources: &["leases"],
        names: &[LEASE],
        verbs: &["get", "list", "watch", "update"],
    },
];

/// What the injector may do everywhere: renew its certificate where the apiserver looks for it.
const INJECTOR_EVERYWHERE: &[Grant] = &[Grant {
    group: "admissionregistration.k8s.io",
    resources: &["mutatingwebhookconfigurations"],
    names: &[INJECTOR],
    verbs: &["get", "list", "watch", "patch"],
}];

/// What both may do in our namespace: whoever comes first makes the authority, and both sign by it.
const AUTHORITY_HERE: &[Grant] = &[
    Grant { group: "", resources: &["secrets", "configmaps"], names: &[], verbs: &["create"] },
    Grant { group: "", resources: &["secrets"], names: &[AUTHORITY], verbs: &["get"] },
    Grant { group: "", resources: &["configmaps"], names: &[AUTHORITY], verbs: &["get", "patch"] },
];

/// The roles, each behind it the binding that gives it to its process.
pub(super) fn roles(settings: &Settings) -> Vec<Object> {
    let mut autoscaler = rules(AUTOSCALER_EVERYWHERE);
    for kind in &settings.kinds {
        let (group, resource) = (&kind.group, &kind.resource);
        autoscaler.push(json!({
            "apiGroups": [group], "resources": [resource], "verbs": ["list", "watch", "patch"],
        }));
        autoscaler.push(json!({
            "apiGroups": [group], "resources": [format!("{resource}/scale")], "verbs": ["get", "patch"],
        }));
    }
    if settings.knative_services {
        autoscaler.extend(rules(KNATIVE_SERVICES));
    }
    if settings.keda_objects {
        autoscaler.extend(rules(KEDA_OBJECTS));
    }
    autoscaler.push(json!({ "nonResourceURLs": ISSUER, "verbs": ["get"] }));
    let secrets = settings.trigger_secrets.iter().map(|namespace| trigger_secrets(settings, namespace));
    let secrets: Vec<Object> = secrets.flatten().collect();
    [
        everywhere(settings, AUTOSCALER, autoscaler),
        here(settings, AUTOSCALER, [rules(AUTOSCALER_HERE), rules(AUTHORITY_HERE)].concat()),
        everywhere(settings, INJECTOR, rules(INJECTOR_EVERYWHERE)),
        here(settings, INJECTOR, rules(AUTHORITY_HERE)),
        secrets,
    ]
    .concat()
}

fn rules(grants: &[Grant]) -> Vec<Value> {
    let rule = |grant: &Grant| {
        let mut rule = json!({ "apiGroups": [grant.group], "resources": grant.resources, "verbs": grant.verbs });
        if !grant.names.is_empty() {
            rule["resourceNames"] = grant.names.into();
        }
        rule
    };
    grants.iter().map(rule).collect()
}

fn everywhere(settings: &Settings, name: &str, rules: Vec<Value>) -> Vec<Object> {
    let role = json!({
        "apiVersion": format!("{API}/v1"), "kind": "ClusterRole", "metadata": cluster_metadata(name), "rules": rules,
    });
    let binding = json!({
        "apiVersion": format!("{API}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": cluster_metadata(name),
        "roleRef": { "apiGroup": API, "kind": "ClusterRole", "name": name },
        "subjects": subjects(settings, name),
    });
    vec![Object::new(role), Object::new(binding)]
}

fn here(settings: &Settings, name: &str, rules: Vec<Value>) -> Vec<Object> {
    within(&metadata(settings, name), name, &subjects(settings, name), &rules)
}

/// Leave to read what triggers name, in a namespace of somebody else's.
fn trigger_secrets(settings: &Settings, namespace: &str) -> Vec<Object> {
    let mut metadata = metadata(settings, AUTOSCALER);
    metadata["name"] = TRIGGER_SECRETS.into();
    metadata["namespace"] = namespace.into();
    within(&metadata, TRIGGER_SECRETS, &subjects(settings, AUTOSCALER), &rules(TRIGGER_DATA))
}

/// A role in one namespace.
fn within(metadata: &Value, name: &str, subjects: &Value, rules: &[Value]) -> Vec<Object> {
    let role = json!({ "apiVersion": format!("{API}/v1"), "kind": "Role", "metadata": metadata, "rules": rules });
    let binding = json!({
        "apiVersion": format!("{API}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": { "apiGroup": API, "kind": "Role", "name": name },
        "subjects": subjects,
    });
    vec![Object::new(role), Object::new(binding)]
}

fn subjects(settings: &Settings, name: &str) -> Value {
    json!([{ "kind": "ServiceAccount", "name": name, "namespace": settings.namespace }])
}
