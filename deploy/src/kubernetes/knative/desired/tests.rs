use config::manifest::knative_service;
use config::{AutoscalerConfig, Defaults};

use super::*;

fn made(mut object: Value) -> Desired {
    object["metadata"]["uid"] = "u-1".into();
    let (service, _) = knative_service(&object, &AutoscalerConfig::default(), &Defaults::default()).unwrap();
    let place = Place { namespace: "shop".into(), name: "greeter".into() };
    desired(&place, &object, &service, "greeter-00002")
}

/// `deploy/examples/knative-service.yaml`, as an apiserver serves it.
fn example() -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": { "name": "greeter", "namespace": "shop" },
        "spec": { "template": {
            "metadata": { "annotations": {
                "autoscaling.knative.dev/target": "10", "autoscaling.knative.dev/activation-scale": "2",
                "autoscaling.knative.dev/target-burst-capacity": "10",
            } },
            "spec": {
                "timeoutSeconds": 60,
                "containers": [{ "image": "ghcr.io/example/greeter", "command": ["rouse", "sample"] }],
            },
        } },
    })
}

#[test]
fn the_example_becomes_a_plain_deployment_with_the_two_labels() {
    let Desired { deployment, initial_scale, .. } = made(example());
    assert_eq!(initial_scale, 1);
    let mark = mark(&deployment).unwrap();
    assert_eq!(
        deployment,
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "greeter", "namespace": "shop",
                "labels": {
                    "rouse.dev/scale": "true", "serving.knative.dev/service": "greeter",
                    "app.kubernetes.io/managed-by": "rouse.dev",
                },
                "annotations": { "applied.rouse.dev/from": mark },
                "ownerReferences": [{
                    "apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "greeter", "uid": "u-1",
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "progressDeadlineSeconds": 600,
                "selector": { "matchLabels": { "serving.knative.dev/service": "greeter" } },
                "template": {
                    "metadata": {
                        "labels": { "rouse.dev/inject": "true", "serving.knative.dev/service": "greeter" },
                        "annotations": {
                            "autoscaling.knative.dev/target": "10", "autoscaling.knative.dev/activation-scale": "2",
                            "autoscaling.knative.dev/target-burst-capacity": "10", "rouse.dev/timeout": "1m0s",
                        },
                    },
                    "spec": {
                        "enableServiceLinks": false, "terminationGracePeriodSeconds": 60,
                        "containers": [{
                            "name": "user-container", "image": "ghcr.io/example/greeter", "command": ["rouse", "sample"],
                            "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
                            "env": [
                                { "name": "PORT", "value": "8080" }, { "name": "K_SERVICE", "value": "greeter" },
                                { "name": "K_CONFIGURATION", "value": "greeter" },
                                { "name": "K_REVISION", "value": "greeter-00002" },
                            ],
                        }],
                    },
                },
            },
        })
    );
}

#[test]
fn its_service_is_routed_from_the_start() {
    let mut object = example();
    object["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{ "name": "h2c", "containerPort": 9000 }]);
    let service = made(object).service;
    assert_eq!(service["metadata"]["annotations"]["rouse.dev/workload"], "greeter");
    assert_eq!(service["metadata"]["ownerReferences"][0]["uid"], "u-1");
    assert_eq!(
        service["spec"],
        json!({
            "selector": { "serving.knative.dev/service": "greeter", "rouse.dev/route": "managed" },
            "ports": [{ "name": "h2c", "port": 80, "targetPort": 9000, "protocol": "TCP" }],
        })
    );
}

#[test]
fn what_the_user_says_of_pods_is_kept() {
    let mut object = example();
    object["metadata"]["annotations"] = json!({
        "rouse.dev/hosts": "greeter.example.com", "serving.knative.dev/creator": "me",
    });
    let template = &mut object["spec"]["template"];
    template["metadata"]["labels"] = json!({ "team": "a", "serving.knative.dev/service": "wrong" });
    template["metadata"]["annotations"]["queue.sidecar.serving.knative.dev/cpu-resource-request"] = "50m".into();
    template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] = "2".into();
    template["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] = "90s".into();
    template["spec"]["serviceAccountName"] = "greeter".into();
    template["spec"]["volumes"] = json!([{ "name": "tmp", "emptyDir": {} }]);
    let container = &mut template["spec"]["containers"][0];
    container["name"] = "app".into();
    container["env"] = json!([{ "name": "WHO", "value": "you" }]);
    container["readinessProbe"] = json!({ "httpGet": { "path": "/ready", "port": 0 }, "periodSeconds": 0 });
    container["livenessProbe"] = json!({ "periodSeconds": 5 });
    let Desired { deployment, initial_scale, .. } = made(object);
    assert_eq!((initial_scale, &deployment["spec"]["progressDeadlineSeconds"]), (2, &json!(90)));
    assert_eq!(deployment["metadata"]["annotations"]["rouse.dev/hosts"], "greeter.example.com");
    assert_eq!(deployment["metadata"]["annotations"]["serving.knative.dev/creator"], Value::Null);
    let template = &deployment["spec"]["template"];
    let labels = json!({ "team": "a", "serving.knative.dev/service": "greeter", "rouse.dev/inject": "true" });
    assert_eq!(template["metadata"]["labels"], labels);
    assert_eq!(template["metadata"]["annotations"]["queue.sidecar.serving.knative.dev/cpu-resource-request"], "50m");
    assert_eq!(template["spec"]["serviceAccountName"], "greeter");
    assert_eq!(template["spec"]["volumes"][0]["name"], "tmp");
    let container = &template["spec"]["containers"][0];
    assert_eq!((&container["name"], &container["env"][0]["name"]), (&json!("app"), &json!("WHO")));
    assert_eq!(container["readinessProbe"], json!({ "httpGet": { "path": "/ready", "port": 8080 } }));
    assert_eq!(container["livenessProbe"], json!({ "tcpSocket": { "port": 8080 }, "periodSeconds": 5 }));
}

#[test]
fn the_mark_tells_what_changed_from_what_did_not() {
    let before = made(example());
    assert_eq!(made(example()), before);
    let mut object = example();
    object["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": "{}" });
    assert_eq!(made(object), before);
    let mut object = example();
    object["spec"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/example/greeter:2".into();
    let after = made(object);
    assert_ne!(mark(&after.deployment), mark(&before.deployment));
    assert_eq!(mark(&after.service), mark(&before.service));
}
