//! The container that is injected.

use std::time::Duration;

use config::{Protocol, Serving};
use serde_json::{Map, Value, json};

use super::app::App;
use super::probe::Readiness;
use super::shape::{Container, Spec};
use crate::inject::settings::{Injection, Sidecar};
use crate::kubernetes::names;
use crate::link::ReporterIdentity;

/// The program in its image, which has `rouse` as well.
const PROGRAM: &str = "/usr/local/bin/queue-proxy";

/// The volume with the token by which the autoscaler knows the pod.
pub(super) const TOKEN_VOLUME: &str = "rouse-token";

/// Where that volume is in the queue-proxy, and the token in it.
const TOKEN_MOUNT: &str = "/var/run/rouse";
const TOKEN_FILE: &str = "token";

/// How long a token is good; the kubelet renews it before.
const TOKEN_SECONDS: u64 = 3600;

/// Who the queue-proxy runs as: nobody whom any image knows as more than that.
const USER: u32 = 65532;

/// All that the container depends on.
pub(super) struct Wanted<'a> {
    pub(super) kind: Sidecar,
    pub(super) app: &'a App<'a>,
    pub(super) serving: &'a Serving,
    pub(super) readiness: &'a Readiness,
    pub(super) resources: Value,
}

/// The queue-proxy's container.
pub(super) fn container(wanted: Wanted<'_>, settings: &Injection) -> Value {
    let mut container = json!({
        "name": names::QUEUE_PROXY,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PROGRAM],
        "ports": [
            {"name": names::QUEUE_PORT_NAME, "containerPort": names::QUEUE_PORT, "protocol": "TCP"},
            {"name": names::QUEUE_ADMIN_PORT_NAME, "containerPort": names::QUEUE_ADMIN_PORT, "protocol": "TCP"},
            {"name": names::QUEUE_METRICS_PORT_NAME, "containerPort": names::QUEUE_METRICS_PORT, "protocol": "TCP"},
        ],
        "env": environment(&wanted, settings),
        "readinessProbe": readiness_probe(),
        "resources": wanted.resources,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "readOnlyRootFilesystem": true,
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    if settings.identity == ReporterIdentity::Token {
        container["volumeMounts"] = json!([{"name": TOKEN_VOLUME, "mountPath": TOKEN_MOUNT, "readOnly": true}]);
    }
    if wanted.kind == Sidecar::Native {
        container["restartPolicy"] = json!("Always");
        // It would be told to end only after the app has: this hook is the first that it hears of it.
        container["lifecycle"] = json!({"preStop": wait_for_drain()});
    }
    container
}

/// The pod is asked on its way out whether it still has something to do, and ends when it has not.
pub(super) fn wait_for_drain() -> Value {
    json!({"httpGet": {"path": "/wait-for-drain", "port": names::QUEUE_ADMIN_PORT, "scheme": "HTTP"}})
}

/// The volume with the token, if one is needed.
pub(super) fn volume(settings: &Injection) -> Option<Value> {
    let token = json!({"audience": names::AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_FILE});
    let volume = json!({"name": TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}});
    (settings.identity == ReporterIdentity::Token).then_some(volume)
}

/// What makes the pod Ready: the queue-proxy says whether the app is, and that the pod is not draining. It asks the app
/// itself as often as is good; the kubelet asks it once a second.
fn readiness_probe() -> Value {
    json!({
        "httpGet": {
            "path": "/",
            "port": names::QUEUE_PORT,
            "scheme": "HTTP",
            "httpHeaders": [{"name": "K-Network-Probe", "value": "queue"}],
        },
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "successThreshold": 1,
        "failureThreshold": 3,
    })
}

fn environment(wanted: &Wanted<'_>, settings: &Injection) -> Vec<Value> {
    let serving = wanted.serving;
    let say = |name: &str, value: &str| json!({"name": name, "value": value});
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    let mut env = vec![
        say("QUEUE_SERVING_PORT", &names::QUEUE_PORT.to_string()),
        say("USER_PORT", &wanted.app.port.to_string()),
        say("ROUSE_USER_PROTOCOL", spoken(wanted.app.protocol)),
        say("CONTAINER_CONCURRENCY", &serving.container_concurrency.to_string()),
        say("REVISION_TIMEOUT_SECONDS", &seconds(serving.timeout)),
        say("REVISION_RESPONSE_START_TIMEOUT_SECONDS", &seconds(serving.response_start_timeout)),
        say("REVISION_IDLE_TIMEOUT_SECONDS", &seconds(serving.idle_timeout)),
        say("ROUSE_DRAIN_QUIET", &seconds(settings.drain_quiet)),
        say("ROUSE_LISTEN_ADDRESS", "::"), // whatever families the cluster's network has
        field("SERVING_NAMESPACE", "metadata.namespace"),
        field("SERVING_POD", "metadata.name"),
        field("ROUSE_POD_UID", "metadata.uid"),
        say("ROUSE_POD", "$(SERVING_POD).$(ROUSE_POD_UID)"),
        field("ROUSE_POD_ADDRESS", "status.podIP"),
        say("ROUSE_AUTOSCALER", &settings.autoscaler),
        say("ROUSE_LINK_CA_PEM", &settings.authority),
    ];
    if settings.identity == ReporterIdentity::Token {
        env.push(say("ROUSE_LINK_TOKEN", &format!("{TOKEN_MOUNT}/{TOKEN_FILE}")));
    }
    if let Readiness::Moves(probe) = wanted.readiness {
        // Kubernetes replaces $(NAME) in values, and $$ with one $.
        env.push(say("SERVING_READINESS_PROBE", &probe.replace('$', "$$")));
    }
    env
}

fn spoken(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "http1",
        Protocol::H2c => "h2c",
    }
}

/// `300`, `1.5`
fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

impl Spec {
    /// What kind of container the pod's queue-proxy is, and its place among those; none if there is none yet.
    pub(super) fn queue_proxy(&self) -> Option<(Sidecar, Option<usize>)> {
        let lists = [(Sidecar::Classic, &self.containers), (Sidecar::Native, &self.init_containers)];
        lists.into_iter().find_map(|(kind, containers)| {
            let place = containers.iter().position(Container::is_ours)?;
            Some((kind, Some(place)))
        })
    }
}

impl Container {
    /// Whether it is a queue-proxy that was injected: it has the name, and the port that pods are found by.
    pub(super) fn is_ours(&self) -> bool {
        self.name == names::QUEUE_PROXY && self.ports.iter().any(|port| port.name == names::QUEUE_PORT_NAME)
    }
}

/// Gives `there` what it has not of `wanted`; what it has stays as it is. Items of lists are known by their names.
pub(super) fn complete(there: &mut Value, wanted: Value) {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => complete_fields(there, wanted),
        (Value::Array(there), Value::Array(wanted)) => {
            let missing = |item: &Value, there: &[Value]| {
                item.get("name").is_some_and(|name| there.iter().all(|known| known.get("name") != Some(name)))
            };
            for item in wanted {
                if missing(&item, there) {
                    there.push(item);
                }
            }
        }
        _ => {}
    }
}

fn complete_fields(there: &mut Map<String, Value>, wanted: Map<String, Value>) {
    for (name, value) in wanted {
        match there.get_mut(&name) {
            Some(known) if !known.is_null() => complete(known, value),
            _ => {
                there.insert(name, value);
            }
        }
    }
}
