//! What all of our pods are like.

use serde_json::{Value, json};

use super::labels_of;
use crate::install::Settings;

/// The user that everything runs as; distroless images call it `nonroot`.
const USER: u32 = 65_532;

/// One of the processes, as far as its pods differ.
pub(super) struct Process {
    /// Of its Deployment, Service and ServiceAccount.
    pub name: &'static str,
    /// The subcommand of `rouse`, which also names the container.
    pub command: &'static str,
    /// What stands behind it.
    pub flags: Vec<String>,
    /// Name and number of each port but the admin port.
    pub ports: Vec<(&'static str, u16)>,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub admin: u16,
    /// What an idle one needs, with a margin: CPU and memory. There are no limits: one that is throttled or killed for
    /// its memory would fail requests of everybody.
    pub needs: (&'static str, &'static str),
    /// How long it may take to end, in seconds.
    pub grace: u32,
    /// Volumes and where they are mounted (read-only).
    pub volumes: Vec<(&'static str, Value)>,
}

/// The pod template of `process`.
pub(super) fn template(settings: &Settings, process: &Process) -> Value {
    let volume = |(path, source): &(&str, Value)| {
        let mut volume = source.clone();
        volume["name"] = volume_name(path).into();
        volume
    };
    let mut spec = json!({
        "serviceAccountName": process.name,
        "terminationGracePeriodSeconds": process.grace,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": super::selector(process.name) },
        }],
        "containers": [container(settings, process)],
    });
    if !process.volumes.is_empty() {
        spec["volumes"] = process.volumes.iter().map(volume).collect();
    }
    json!({ "metadata": { "labels": labels_of(process.name) }, "spec": spec })
}

fn container(settings: &Settings, process: &Process) -> Value {
    // Old apiservers need the protocol: it is a part of the key of a port when it is applied.
    let port = |(name, number): (&str, u16)| json!({ "name": name, "containerPort": number, "protocol": "TCP" });
    let args: Vec<&str> = std::iter::once(process.command).chain(process.flags.iter().map(String::as_str)).collect();
    let (cpu, memory) = process.needs;
    let mut container = json!({
        "name": process.command,
        "image": settings.image,
        "command": ["/usr/local/bin/rouse"],
        "args": args,
        "env": [
            field("POD_NAME", "metadata.name"),
            field("POD_IP", "status.podIP"),
            field("NAMESPACE", "metadata.namespace"),
        ],
        "ports": process.ports.iter().copied().chain([("admin", process.admin)]).map(port).collect::<Value>(),
        // Slow to give up: a busy process that is killed fails all it has.
        "livenessProbe": probe("/healthz", 10, 6),
        "readinessProbe": probe("/readyz", 2, 2),
        "resources": { "requests": { "cpu": cpu, "memory": memory } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    });
    if !process.volumes.is_empty() {
        let mount =
            |(path, _): &(&str, Value)| json!({ "name": volume_name(path), "mountPath": path, "readOnly": true });
        container["volumeMounts"] = process.volumes.iter().map(mount).collect();
    }
    container
}

fn field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

fn probe(path: &str, every: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "admin" },
        "periodSeconds": every,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// A volume is named after the directory that it is mounted as.
fn volume_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
