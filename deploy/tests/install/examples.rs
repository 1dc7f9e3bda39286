//! The example of the Kubernetes page.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use serde_json::Value;

use crate::printed::rouse;

const HELLO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kubernetes/hello.yaml");

#[test]
fn it_is_handed_over_and_leaves_the_replicas_to_us() {
    let text = std::fs::read_to_string(HELLO).expect("the example");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let deployment: Deployment = serde_json::from_value(objects[0].clone()).expect("a Deployment");
    let service: Service = serde_json::from_value(objects[1].clone()).expect("a Service");
    assert_eq!(serde_json::to_value(&deployment).unwrap(), objects[0], "Kubernetes knows every field");
    assert_eq!(serde_json::to_value(&service).unwrap(), objects[1]);
    let spec = deployment.spec.unwrap();
    assert_eq!(spec.replicas, None);
    assert_eq!(deployment.metadata.labels.unwrap()["rouse.dev/scale"], "true");
    assert_eq!(spec.template.metadata.unwrap().labels.unwrap()["rouse.dev/inject"], "true");
    assert_eq!(service.metadata.annotations.unwrap()["rouse.dev/workload"], "hello");
}

#[test]
fn rouse_check_finds_nothing_wrong_with_it() {
    let (code, out, err) = rouse(&["check", HELLO]);
    assert_eq!(code, Some(0), "{err}");
    assert!(!out.contains("warning"), "{out}");
}
