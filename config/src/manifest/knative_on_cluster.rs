//! A Knative `Service` as it stands in a cluster that has no Knative: what becomes of it there.

use serde_json::Value;

use super::container::App;
use super::knative_fields;
use super::knative_service::{PROBE_PERIOD, limits, settings};
use super::workload::decided;
use crate::annotations::{self, Annotations, Limits, Written, keys};
use crate::duration::GoDuration;
use crate::node::Node;
use crate::problem::{Findings, Problems, Warning};
use crate::{AutoscalerConfig, Defaults, Policy, Serving};

/// The port of an app that declares none.
const PORT: u16 = 8080;

/// What a Knative `Service` says beyond what its pods are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct KnativeService {
    /// How it is scaled.
    pub policy: Policy,
    /// How it is served.
    pub serving: Serving,
    /// The port that the app listens on (8080).
    pub port: u16,
    /// Settings that hold at once: annotations of the object itself in Rouse's space.
    pub settings: Annotations,
    /// `containerConcurrency` and the timeouts as annotations of a pod template, where no annotation says otherwise.
    pub limits: Annotations,
    /// The revision that the template names, if it does.
    pub revision: Option<String>,
}

/// Reads a `Service` of `serving.knative.dev/v1`, and what is odd about it.
///
/// # Errors
/// Every field that is not honoured, by its name, and everything else that is wrong.
pub fn knative_service(
    object: &Value,
    autoscaler: &AutoscalerConfig,
    defaults: &Defaults,
) -> Result<(KnativeService, Vec<Warning>), Problems> {
    let mut found = Findings::default();
    let root = Node::root(object);
    let template = root.at("spec").at("template");
    if !template.exists() {
        found.refuse(template.path(), "is missing");
    }
    knative_fields::refuse(&root, &mut found);
    let pod = template.at("spec");
    let annotated = settings(&root, &template, &mut found);
    let of_fields = limits(&pod, defaults, &mut found);
    let as_annotations = annotations_of(&of_fields, &annotated);
    let limits = Limits::read(&annotated, &mut found).or(of_fields);
    let container = pod.at("containers").items(&mut found).into_iter().next();
    let app = container.as_ref().map(|container| App::read(container, PROBE_PERIOD, &mut found)).unwrap_or_default();
    let ports = container.map(|container| container.at("ports").items(&mut found)).unwrap_or_default();
    let port = ports.first().and_then(|port| port.at("containerPort").port(&mut found));
    let (policy, mut serving) = decided(&annotated, &limits, app, autoscaler, defaults, &mut found);
    serving.termination_grace = serving.timeout;
    annotations::hosts(&annotated, &mut found);
    let mut settings = root.at("metadata").at("annotations").map(&mut found);
    settings.retain(|name, _| name.starts_with(keys::OWN_SPACE));
    let revision = template.at("metadata").at("name").text(&mut found).map(str::to_owned);
    found.finish(KnativeService {
        policy,
        serving,
        port: port.unwrap_or(PORT),
        settings,
        limits: as_annotations,
        revision,
    })
}

/// `limits`, as the annotations that say the same, where `annotated` says nothing.
fn annotations_of(limits: &Limits, annotated: &Annotations) -> Annotations {
    let duration = |written: &Written<_>| GoDuration::from(written.value).to_string();
    let all = [
        (keys::CONTAINER_CONCURRENCY, limits.container_concurrency.as_ref().map(|written| written.value.to_string())),
        (keys::TIMEOUT, limits.timeout.as_ref().map(duration)),
        (keys::RESPONSE_START_TIMEOUT, limits.response_start_timeout.as_ref().map(duration)),
        (keys::IDLE_TIMEOUT, limits.idle_timeout.as_ref().map(duration)),
    ];
    let new = all.into_iter().filter(|(key, _)| key.find(annotated).is_none());
    new.filter_map(|(key, text)| Some((key.name.to_owned(), text?))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::Protocol;

    fn read(object: &Value) -> Result<KnativeService, Vec<String>> {
        knative_service(object, &AutoscalerConfig::default(), &Defaults::default())
            .map(|(service, _)| service)
            .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
    }

    /// As an apiserver serves it.
    fn greeter() -> Value {
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {
                "name": "greeter", "namespace": "shop", "uid": "u-1", "generation": 1, "resourceVersion": "7",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{}", "rouse.dev/hosts": "greeter.example.com",
                    "client.knative.dev/user-image": "ghcr.io/example/greeter",
                },
            },
            "spec": {
                "template": {
                    "metadata": {
                        "creationTimestamp": null,
                        "annotations": {
                            "autoscaling.knative.dev/activation-scale": "4", "autoscaling.knative.dev/min-scale": "3",
                            "queue.sidecar.serving.knative.dev/cpu-resource-request": "50m",
                        },
                    },
                    "spec": {
                        "containerConcurrency": 5, "timeoutSeconds": 90, "idleTimeoutSeconds": 0,
                        "volumes": [{ "name": "tmp", "emptyDir": {} }],
                        "containers": [{
                            "image": "ghcr.io/example/greeter", "ports": [{ "containerPort": 9000, "name": "h2c" }],
                            "readinessProbe": { "httpGet": { "path": "/ready" } },
                            "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
                        }],
                    },
                },
                "traffic": [{ "latestRevision": true, "percent": 100 }],
            },
        })
    }

    fn map(pairs: &[(&str, &str)]) -> Annotations {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_honoured_is_read() {
        let service = read(&greeter()).unwrap();
        assert_eq!((service.policy.min_scale, service.policy.activation_scale), (3, 4));
        assert_eq!((service.port, service.serving.protocol), (9000, Protocol::H2c));
        assert_eq!(service.serving.container_concurrency, 5);
        assert_eq!(service.serving.termination_grace, Duration::from_secs(90));
        assert_eq!(service.settings, map(&[("rouse.dev/hosts", "greeter.example.com")]));
        assert_eq!(service.limits, map(&[("rouse.dev/container-concurrency", "5"), ("rouse.dev/timeout", "1m30s")]));
        assert_eq!(service.revision, None);
    }

    #[test]
    fn the_example_is_honoured_in_a_cluster_too() {
        let text = include_str!("../../../deploy/examples/knative-service.yaml");
        let service = read(&serde_saphyr::from_str(text).unwrap()).unwrap();
        assert_eq!((service.policy.target, service.policy.activation_scale, service.port), (7.0, 2, 8080));
        assert_eq!(service.limits, map(&[("rouse.dev/timeout", "1m0s")]));
    }

    #[test]
    fn the_least_that_can_be_written_serves_at_8080() {
        let service = read(&json!({ "spec": { "template": { "spec": { "containers": [{ "image": "a" }] } } } }));
        let service = service.unwrap();
        assert_eq!((service.port, service.serving.protocol, service.limits), (8080, Protocol::Http1, map(&[])));
    }

    #[test]
    fn an_annotation_goes_before_the_field() {
        let mut object = greeter();
        object["spec"]["template"]["metadata"]["annotations"]["rouse.dev/timeout"] = "20s".into();
        let service = read(&object).unwrap();
        assert_eq!(service.limits, map(&[("rouse.dev/container-concurrency", "5")]));
        assert_eq!(service.serving.timeout, Duration::from_secs(20));
    }

    #[test]
    fn traffic_that_is_split_or_pinned_is_refused() {
        const ALLOWED: &str = "all traffic goes to the latest revision; allowed is one target with latestRevision: true \
                               and percent: 100";
        let said = |traffic: Value| {
            let mut object = greeter();
            object["spec"]["traffic"] = traffic;
            read(&object).unwrap_err()
        };
        assert_eq!(
            said(
                json!([{ "revisionName": "greeter-00001", "percent": 90 }, { "latestRevision": true, "percent": 10 }])
            ),
            [
                format!("spec.traffic: has 2 targets: {ALLOWED}"),
                format!("spec.traffic[0].percent: \"90\" is not honoured: {ALLOWED}"),
                format!("spec.traffic[0].revisionName: \"greeter-00001\" is not honoured: {ALLOWED}"),
                format!("spec.traffic[1].percent: \"10\" is not honoured: {ALLOWED}"),
            ]
        );
        assert_eq!(
            said(json!([{ "latestRevision": false, "percent": 100, "tag": "blue" }])),
            [
                format!("spec.traffic[0].latestRevision: \"false\" is not honoured: {ALLOWED}"),
                format!("spec.traffic[0].tag: \"blue\" is not honoured: {ALLOWED}"),
            ]
        );
    }

    #[test]
    fn every_field_that_is_not_honoured_is_named() {
        let mut object = greeter();
        object["spec"]["runLatest"] = json!({ "configuration": {} });
        let pod = &mut object["spec"]["template"]["spec"];
        pod["hostNetwork"] = true.into();
        pod["terminationGracePeriodSeconds"] = 10.into();
        let container = &mut pod["containers"][0];
        container["lifecycle"] = json!({ "preStop": { "exec": { "command": ["true"] } } });
        container["env"] = json!([{ "name": "PORT", "value": "1" }]);
        container["ports"] = json!([{ "containerPort": 1, "name": "tls", "hostPort": 1 }]);
        container.as_object_mut().unwrap().remove("image");
        let problems = read(&object).unwrap_err();
        let starts: Vec<_> = problems
            .iter()
            .map(|line| line.split_once(": allowed").map_or(line.as_str(), |(start, _)| start))
            .collect();
        assert_eq!(
            starts,
            [
                "spec.runLatest: is not honoured",
                "spec.template.spec.hostNetwork: \"true\" is not honoured",
                "spec.template.spec.terminationGracePeriodSeconds: \"10\" is not honoured: pods may take as long to end as \
                 timeoutSeconds says",
                "spec.template.spec.containers[0].lifecycle: is not honoured",
                "spec.template.spec.containers[0].image: is missing: a container needs an image",
                "spec.template.spec.containers[0].env[0].name: \"PORT\" is set by Rouse, as PORT, K_SERVICE, \
                 K_CONFIGURATION, K_REVISION are",
                "spec.template.spec.containers[0].ports[0].hostPort: \"1\" is not honoured",
                "spec.template.spec.containers[0].ports[0].name: \"tls\" is not honoured: it must be h2c or http or http1 or \
                 user-port",
            ]
        );
    }

    #[test]
    fn more_containers_than_one_are_refused_and_so_is_what_is_wrong_with_settings() {
        let mut object = greeter();
        let template = &mut object["spec"]["template"];
        template["spec"]["containers"] = json!([{ "image": "a" }, { "image": "b" }]);
        template["spec"]["responseStartTimeoutSeconds"] = 120.into();
        template["metadata"]["annotations"]["autoscaling.knative.dev/target"] = "none".into();
        let problems = read(&object).unwrap_err();
        assert_eq!(problems[0], "spec.template.spec.containers: has 2 containers: one is allowed");
        assert!(problems[1].starts_with("autoscaling.knative.dev/target: \"none\""), "{problems:?}");
        let too_long = "spec.template.spec.responseStartTimeoutSeconds: \"120\" is longer";
        assert!(problems[2].starts_with(too_long), "{problems:?}");
        assert_eq!(problems.len(), 3);
    }
}
