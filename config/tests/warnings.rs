//! What stops nothing but is said: the whole lines.

use config::manifest;

fn warnings(text: &str) -> Vec<String> {
    let files = [("hello.yaml".to_owned(), text.to_owned())];
    let manifests = manifest::read(&files).unwrap_or_else(|problems| panic!("{problems}"));
    manifests.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_not_run_is_named() {
    let said = warnings(
        "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
  annotations: { rouse.dev/timeout: 10s, autoscaling.knative.dev/min-scal: '1' }
spec:
  template:
    metadata: { annotations: { rouse.dev/timeout: 20s } }
    spec:
      initContainers: [{ name: migrate, command: [migrate] }]
      containers:
        - { name: app, command: [run], volumeMounts: [] }
        - { name: logs, command: [ship] }
",
    );
    assert_eq!(
        said,
        [
            "autoscaling.knative.dev/min-scal: is not a known annotation and is ignored; did you mean \
             autoscaling.knative.dev/min-scale?",
            "rouse.dev/timeout: is \"10s\" on the workload and \"20s\" on its pod template, which wins",
            "spec.template.spec.containers[1]: \"logs\" is not run on one machine: only the first container is",
            "spec.template.spec.initContainers[0]: \"migrate\" is not run on one machine: only the first container is",
            "spec.template.spec.containers[0].volumeMounts: is not mounted on one machine",
        ]
        .map(|line| format!("hello.yaml: Deployment default/hello: {line}"))
    );
}

#[test]
fn objects_that_are_not_read_are_named() {
    let said = warnings(
        "
apiVersion: http.keda.sh/v1alpha1
kind: HTTPScaledObject
metadata: { name: hello }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: hello, namespace: shop }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
",
    );
    assert_eq!(
        said,
        [
            "hello.yaml: HTTPScaledObject default/hello: ignored: http.keda.sh/v1alpha1 is not read",
            "hello.yaml: PodDisruptionBudget shop/hello: ignored: policy/v1 is not read",
            "hello.yaml: Service default/web: is not served: its selector matches no workload of these files",
        ]
    );
}

#[test]
fn traffic_that_is_split_is_not_honoured() {
    let said = warnings(
        "
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: hello }
spec:
  traffic: [{ revisionName: hello-00001, percent: 50 }, { latestRevision: true, percent: 50 }]
  template: { spec: { containers: [{ command: [run] }] } }
",
    );
    assert_eq!(
        said,
        ["hello.yaml: Knative Service default/hello: spec.traffic: is ignored: all traffic goes to the revision of \
          this file"]
    );
}
