//! Pods that no queue-proxy can serve, however it is injected.

use config::Findings;
use serde_json::Value;

use super::shape::{Pod, Spec};
use super::sidecar::TOKEN_VOLUME;
use crate::kubernetes::names;

/// The annotation of a pod that a kubelet runs by itself, and of which the apiserver only has an image.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Ports of a pod that its queue-proxy listens on.
const OURS: [u16; 3] = [names::QUEUE_PORT, names::QUEUE_ADMIN_PORT, names::QUEUE_METRICS_PORT];

/// Everything that speaks against `pod`, to `found`.
pub(super) fn check(pod: &Pod, found: &mut Findings) {
    let label = names::INJECT_LABEL;
    if let Some(n) = pod.metadata.owner_references.iter().position(|owner| owner.kind == "Job") {
        let key = format!("metadata.ownerReferences[{n}].kind");
        let message = format!("runs to its end, which requests do not decide: take the label {label} off its template");
        found.wrong(&key, "Job", message);
    }
    if pod.metadata.annotations.contains_key(MIRROR) {
        let message = "marks a static pod, which is never changed: run it as a Deployment or a StatefulSet";
        found.refuse(&format!("metadata.annotations[{MIRROR}]"), message);
    }
    let spec = &pod.spec;
    if spec.host_network {
        let message = "puts the ports of all pods of a node in one place, where a queue-proxy's are taken by the first: it \
                       must be false";
        found.wrong("spec.hostNetwork", "true", message);
    }
    if let Some(policy) = spec.restart_policy.as_deref().filter(|policy| !matches!(*policy, "" | "Always")) {
        found.wrong("spec.restartPolicy", policy, "is for pods that run to their end: it must be Always");
    }
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        found.wrong("spec.os.name", "windows", "has no queue-proxy: it must be linux");
    }
    check_ports(spec, found);
    check_names(spec, found);
}

fn check_ports(spec: &Spec, found: &mut Findings) {
    let theirs = spec.lasting().filter(|(_, container)| !container.is_ours());
    for (path, container) in theirs {
        for (n, port) in container.ports.iter().enumerate() {
            if let Some(number) = port.tcp().filter(|number| OURS.contains(number)) {
                let key = format!("{path}.ports[{n}].containerPort");
                let message = format!("is the queue-proxy's, as are {OURS:?}: listen on another");
                found.wrong(&key, &number.to_string(), message);
            }
        }
    }
}

/// What has a name of ours must be ours.
fn check_names(spec: &Spec, found: &mut Findings) {
    for (path, container) in spec.lasting() {
        if container.name == names::QUEUE_PROXY && !container.is_ours() {
            let message = "is what the container is called that is injected: choose another name";
            found.wrong(&format!("{path}.name"), &container.name, message);
        }
    }
    let is_token = |projected: &Value| {
        let audience = projected.pointer("/sources/0/serviceAccountToken/audience");
        audience.and_then(Value::as_str) == Some(names::AUDIENCE)
    };
    for (n, volume) in spec.volumes.iter().enumerate() {
        if volume.name == TOKEN_VOLUME && !volume.projected.as_ref().is_some_and(is_token) {
            let message = "is what the volume is called that is injected: choose another name";
            found.wrong(&format!("spec.volumes[{n}].name"), &volume.name, message);
        }
    }
}
