//! The three processes.

use serde_json::json;

use super::pods::{Process, template};
use super::{metadata, selector};
use crate::install::{Object, Settings};
use crate::kubernetes::names::{
    ACTIVATOR, ACTIVATOR_ADMIN_PORT, AUDIENCE, AUTHORITY, AUTOSCALER, AUTOSCALER_ADMIN_PORT, GATEWAY_PORT, INJECTOR,
    INJECTOR_ADMIN_PORT, INJECTOR_PORT, LINK_PORT, LINK_PORT_NAME, SCALER_PORT, SCALER_PORT_NAME,
};
use crate::link::ReporterIdentity;

/// Of autoscalers, one leads and the other takes over; of injectors, one is always there while the other is replaced.
const TWO: u32 = 2;

/// How long a process without requests may take to end, in seconds: Kubernetes' own default.
const GRACE: u32 = 30;

/// How long an activator may take to end, in seconds. It ends as soon as nothing is in flight through it, so that only
/// requests that last longer are cut: an hour is more than almost any takes, and not so long that a node is never drained.
const ACTIVATOR_GRACE: u32 = 3_600;

/// How long a token of an activator is valid, in seconds; the kubelet renews it before.
const TOKEN_SECONDS: u32 = 3_600;

/// Where an activator finds its token and the authority's certificate.
const LINK_FILES: &str = "/var/run/rouse";

pub(super) fn deployments(settings: &Settings) -> Vec<Object> {
    vec![
        deployment(settings, TWO, &autoscaler(settings)),
        deployment(settings, settings.activators, &activator(settings)),
        deployment(settings, TWO, &injector(settings)),
    ]
}

fn deployment(settings: &Settings, replicas: u32, process: &Process) -> Object {
    let mut metadata = metadata(settings, process.name);
    metadata["labels"]["app.kubernetes.io/version"] = env!("CARGO_PKG_VERSION").into();
    Object::new(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": selector(process.name) },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } },
            "template": template(settings, process),
        },
    }))
}

fn autoscaler(settings: &Settings) -> Process {
    let mut flags = vec![
        "--platform=kubernetes".to_owned(),
        format!("--listen=0.0.0.0:{LINK_PORT}"),
        format!("--admin=0.0.0.0:{AUTOSCALER_ADMIN_PORT}"),
        format!("--reporter-identity={}", settings.reporter_identity),
    ];
    flags.extend(settings.kinds.iter().map(|kind| format!("--kind={kind}")));
    flags.extend(settings.knative_services.then(|| "--knative-services".to_owned()));
    flags.extend(settings.keda_objects.then(|| "--keda-objects".to_owned()));
    let secrets = &settings.trigger_secrets;
    flags.extend((!secrets.is_empty()).then(|| format!("--trigger-secrets={}", secrets.join(","))));
    let mut ports = vec![(LINK_PORT_NAME, LINK_PORT)];
    if settings.external_scaler {
        flags.push(format!("--external-scaler=0.0.0.0:{SCALER_PORT}"));
        ports.push((SCALER_PORT_NAME, SCALER_PORT));
    }
    Process {
        name: AUTOSCALER,
        command: "autoscaler",
        flags,
        ports,
        admin: AUTOSCALER_ADMIN_PORT,
        needs: ("100m", "64Mi"),
        grace: GRACE,
        volumes: vec![],
    }
}

fn activator(settings: &Settings) -> Process {
    let namespace = &settings.namespace;
    let mut flags = vec![
        format!("--autoscaler={AUTOSCALER}.{namespace}.svc:{LINK_PORT}"),
        "--name=$(POD_NAME)".to_owned(),
        "--pod-ip=$(POD_IP)".to_owned(),
        format!("--listen=0.0.0.0:{GATEWAY_PORT}"),
        format!("--admin=0.0.0.0:{ACTIVATOR_ADMIN_PORT}"),
        format!("--link-ca={LINK_FILES}/ca.crt"),
    ];
    let mut sources =
        vec![json!({ "configMap": { "name": AUTHORITY, "items": [{ "key": "ca.crt", "path": "ca.crt" }] } })];
    if settings.reporter_identity == ReporterIdentity::Token {
        flags.push(format!("--link-token={LINK_FILES}/token"));
        let token = json!({ "audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": "token" });
        sources.insert(0, json!({ "serviceAccountToken": token }));
    }
    Process {
        name: ACTIVATOR,
        command: "activator",
        flags,
        ports: vec![("gateway", GATEWAY_PORT)],
        admin: ACTIVATOR_ADMIN_PORT,
        needs: ("100m", "64Mi"),
        grace: ACTIVATOR_GRACE,
        volumes: vec![(LINK_FILES, json!({ "projected": { "sources": sources } }))],
    }
}

fn injector(settings: &Settings) -> Process {
    Process {
        name: INJECTOR,
        command: "injector",
        flags: vec![
            format!("--image={}", settings.image),
            format!("--listen=0.0.0.0:{INJECTOR_PORT}"),
            format!("--admin=0.0.0.0:{INJECTOR_ADMIN_PORT}"),
            format!("--reporter-identity={}", settings.reporter_identity),
        ],
        ports: vec![("webhook", INJECTOR_PORT)],
        admin: INJECTOR_ADMIN_PORT,
        needs: ("20m", "32Mi"),
        grace: GRACE,
        volumes: vec![],
    }
}
