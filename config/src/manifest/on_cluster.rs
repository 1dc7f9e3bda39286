//! One workload as it stands in a cluster: the cluster runs its pods, so only how it is scaled and served is read.

use serde_json::Value;

use super::container::App;
use super::workload::{PROBE_PERIOD, decided, refuse_half_labels, settings, termination_grace};
use crate::annotations::{self, Limits};
use crate::node::Node;
use crate::problem::{Findings, Problems, Warning};
use crate::{AutoscalerConfig, Defaults, ProbeKind, Workload, WorkloadId};

/// The workload that `object` declares, and what is odd about it. Of the object only labels and annotations, of its own
/// and of its pod template's, and the template's grace period and first container (ports, readiness) are read. Its hosts
/// are those of its annotation; what Services add, whoever knows them adds.
///
/// A readiness probe that runs a command is left to the kubelet.
///
/// # Errors
/// Every problem of the object, with its name but no file.
pub fn on_cluster(
    id: &WorkloadId,
    object: &Value,
    autoscaler: &AutoscalerConfig,
    defaults: &Defaults,
) -> Result<(Workload, Vec<Warning>), Problems> {
    let mut found = Findings::about("", format!("{} {}/{}", id.kind(), id.namespace(), id.name()));
    let root = Node::root(object);
    let template = root.at("spec").at("template");
    let settings = settings(&root, &template, &mut found);
    // Some kinds have their template elsewhere.
    if template.exists() {
        refuse_half_labels(&root, &template, &mut found);
    }
    let limits = Limits::read(&settings, &mut found);
    let pod = template.at("spec");
    let first = pod.at("containers").items(&mut found).into_iter().next();
    let mut app = first.map(|container| App::read(&container, PROBE_PERIOD, &mut found)).unwrap_or_default();
    app.readiness = app.readiness.filter(|probe| !matches!(probe.kind, ProbeKind::Exec { .. }));
    let (policy, mut serving) = decided(&settings, &limits, app, autoscaler, defaults, &mut found);
    serving.termination_grace = termination_grace(&pod, &mut found);
    let hosts = annotations::hosts(&settings, &mut found);
    found.finish(Workload { id: id.clone(), policy, serving, hosts })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::Protocol;

    fn read(object: &Value) -> Result<(Workload, Vec<String>), Vec<String>> {
        let id = "shop/hello".parse().unwrap();
        on_cluster(&id, object, &AutoscalerConfig::default(), &Defaults::default())
            .map(|(workload, warnings)| (workload, warnings.iter().map(ToString::to_string).collect()))
            .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn neither_a_command_nor_a_kind_is_needed() {
        let (workload, warnings) = read(&json!({
            "metadata": {
                "labels": { "rouse.dev/scale": "true" },
                "annotations": {
                    "rouse.dev/hosts": "hello.example.com", "rouse.dev/original-replicas": "2",
                    "rouse.dev/initialized": "true", "rouse.dev/nudged": "now", "deployment.kubernetes.io/revision": "1",
                },
            },
            "spec": { "template": {
                "metadata": {
                    "labels": { "rouse.dev/inject": "true" },
                    "annotations": { "autoscaling.knative.dev/min-scale": "2" },
                    "creationTimestamp": null,
                },
                "spec": {
                    "terminationGracePeriodSeconds": 45,
                    "containers": [
                        { "name": "app", "image": "app", "ports": [{ "containerPort": 8080, "name": "h2c" }],
                          "readinessProbe": { "httpGet": { "path": "/ready", "port": "h2c" } } },
                        { "name": "logs", "image": "logs" },
                    ],
                },
            } },
        }))
        .unwrap();
        assert_eq!(warnings, [""; 0]);
        assert_eq!((workload.policy.min_scale, workload.serving.protocol), (2, Protocol::H2c));
        assert_eq!(workload.serving.termination_grace, Duration::from_secs(45));
        assert_eq!(workload.hosts, ["hello.example.com"]);
        let probe = workload.serving.readiness.expect("a probe");
        assert_eq!(probe.kind, ProbeKind::Http { path: "/ready".into(), port: None, headers: vec![] });
    }

    #[test]
    fn a_probe_that_runs_a_command_is_the_kubelets() {
        let container = json!({ "name": "app", "readinessProbe": { "exec": { "command": ["true"] } } });
        let (workload, _) =
            read(&json!({ "spec": { "template": { "spec": { "containers": [container] } } } })).unwrap();
        assert_eq!(workload.serving.readiness, None);
    }

    #[test]
    fn every_problem_is_told_with_the_object() {
        let problems = read(&json!({
            "metadata": { "labels": { "rouse.dev/scale": "true" }, "annotations": { "rouse.dev/timeout": "5 minutes" } },
            "spec": { "template": { "metadata": { "annotations": { "rouse.dev/timout": "1s" } } } },
        }))
        .unwrap_err();
        assert_eq!(
            problems,
            [
                "rouse.dev/timout: is not a word of Rouse; did you mean rouse.dev/timeout?",
                "rouse.dev/scale: needs the label rouse.dev/inject: \"true\" on the pod template",
                "rouse.dev/timeout: \"5 minutes\" is not a duration: write it as Go does, 300s or 5m",
            ]
            .map(|line| format!("Deployment shop/hello: {line}"))
        );
    }

    #[test]
    fn a_kind_with_its_template_elsewhere_is_not_half_labelled() {
        let (workload, warnings) = read(&json!({ "metadata": { "labels": { "rouse.dev/scale": "true" } } })).unwrap();
        assert_eq!((workload.serving.termination_grace, warnings), (Duration::from_secs(30), vec![]));
    }
}
