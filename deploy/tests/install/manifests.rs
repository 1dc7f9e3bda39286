//! Every object is one that Kubernetes knows, and none changes unseen.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::printed::{object, objects, text};

#[test]
fn what_is_printed_is_what_was_reviewed() {
    let reviewed = include_str!("manifests.yaml");
    assert!(
        text(&[]) == reviewed,
        "the manifests have changed; look at the difference after\n  \
         cargo run -- manifests > deploy/tests/install/manifests.yaml"
    );
}

#[test]
fn with_kedas_objects_it_is_what_was_reviewed_too() {
    let reviewed = include_str!("manifests-keda.yaml");
    assert!(
        text(&["--keda-objects", "--trigger-secrets=bank"]) == reviewed,
        "the manifests have changed; look at the difference after\n  \
         cargo run -- manifests --keda-objects --trigger-secrets=bank > deploy/tests/install/manifests-keda.yaml"
    );
}

#[test]
fn kubernetes_knows_every_field() {
    for object in objects(&[]) {
        let kind = object["kind"].as_str().unwrap();
        let read = match kind {
            "Namespace" => known::<Namespace>(&object),
            "ServiceAccount" => known::<ServiceAccount>(&object),
            "ConfigMap" => known::<ConfigMap>(&object),
            "Service" => known::<Service>(&object),
            "Deployment" => known::<Deployment>(&object),
            "PodDisruptionBudget" => known::<PodDisruptionBudget>(&object),
            "ClusterRole" => known::<ClusterRole>(&object),
            "ClusterRoleBinding" => known::<ClusterRoleBinding>(&object),
            "Role" => known::<Role>(&object),
            "RoleBinding" => known::<RoleBinding>(&object),
            "MutatingWebhookConfiguration" => known::<MutatingWebhookConfiguration>(&object),
            other => panic!("{other} is not compared"),
        };
        assert_eq!(read, object);
    }
}

/// `object` without what its type does not have.
fn known<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let read: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{object}: {error}"));
    serde_json::to_value(read).expect("JSON")
}

#[test]
fn what_is_needed_comes_before_what_needs_it() {
    let objects = objects(&["--pod-monitor"]);
    let place = |kind: &str| {
        let is = |object: &Value| object["kind"] == kind;
        let first = objects.iter().position(is).unwrap_or_else(|| panic!("no {kind}"));
        (first, objects.iter().rposition(is).unwrap_or(first))
    };
    let order = [
        ("Namespace", "ServiceAccount"),
        ("ServiceAccount", "ClusterRoleBinding"),
        ("Service", "Deployment"),
        ("RoleBinding", "Deployment"),
        ("Deployment", "MutatingWebhookConfiguration"),
        ("Deployment", "PodMonitor"),
    ];
    for (first, then) in order {
        assert!(place(first).1 < place(then).0, "{first} comes before {then}");
    }
}

#[test]
fn an_old_cluster_gets_the_apis_that_it_has() {
    let api = |flags: &[&str]| object(&objects(flags), "PodDisruptionBudget", "rouse-activator")["apiVersion"].clone();
    assert_eq!(api(&[]), "policy/v1");
    assert_eq!(api(&["--kube-version", "1.20"]), "policy/v1beta1");
}

#[test]
fn the_flags_are_in_the_objects() {
    let objects = objects(&[
        "--namespace=elsewhere",
        "--image=registry.example/rouse:7",
        "--activators=5",
        "--kind=rollouts.argoproj.io",
    ]);
    for object in &objects {
        let namespace = object["metadata"].get("namespace").map(|namespace| namespace.as_str().unwrap());
        assert!(namespace.is_none_or(|namespace| namespace == "elsewhere"), "{object}");
    }
    let args = |name| object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let has = |args: &Value, flag: &str| args.as_array().unwrap().iter().any(|arg| arg == flag);
    assert!(has(&args("rouse-autoscaler"), "--kind=rollouts.argoproj.io"));
    assert!(has(&args("rouse-activator"), "--autoscaler=rouse-autoscaler.elsewhere.svc:8091"));
    assert!(has(&args("rouse-injector"), "--image=registry.example/rouse:7"));
    assert_eq!(object(&objects, "Deployment", "rouse-activator")["spec"]["replicas"], 5);
    let webhooks = &object(&objects, "MutatingWebhookConfiguration", "rouse-injector")["webhooks"];
    assert!(
        webhooks.as_array().unwrap().iter().all(|asked| asked["clientConfig"]["service"]["namespace"] == "elsewhere")
    );
}

#[test]
fn keda_may_ask_where_that_is_wanted_only() {
    let asked = |flags: &[&str]| {
        let objects = objects(flags);
        let container =
            &object(&objects, "Deployment", "rouse-autoscaler")["spec"]["template"]["spec"]["containers"][0];
        let has = |list: &Value, key: &str, wanted: &str| {
            list.as_array().unwrap().iter().any(|item| item == wanted || item[key] == wanted)
        };
        let ports = &object(&objects, "Service", "rouse-autoscaler")["spec"]["ports"];
        let flag = has(&container["args"], "", "--external-scaler=0.0.0.0:8095");
        (flag, has(&container["ports"], "name", "scaler"), has(ports, "name", "scaler"))
    };
    assert_eq!(asked(&[]), (false, false, false));
    assert_eq!(asked(&["--external-scaler"]), (true, true, true));
}

#[test]
fn the_apiserver_is_held_up_by_nobody() {
    let objects = objects(&[]);
    let webhooks = object(&objects, "MutatingWebhookConfiguration", "rouse-injector")["webhooks"].as_array().unwrap();
    for asked in webhooks {
        assert_eq!(asked["timeoutSeconds"], 2);
        assert_eq!(asked["sideEffects"], "None");
        let narrow = asked["objectSelector"]["matchLabels"]["rouse.dev/inject"] == "true";
        assert!(narrow || asked["failurePolicy"] == "Ignore", "{} may stop what is not ours", asked["name"]);
        let excluded = asked["namespaceSelector"]["matchExpressions"].as_array().unwrap();
        assert!(excluded.iter().any(|expression| expression["key"] == "rouse.dev/system"));
    }
    let namespace = object(&objects, "Namespace", "rouse-system");
    assert_eq!(namespace["metadata"]["labels"]["rouse.dev/system"], "true", "the injector is not asked about itself");
}
