//! The fields of a Knative `Service` that are honoured in a cluster. Every other is refused by its name.
//!
//! On one machine what is not known is nobody's business: a file is run as far as it can be. In a cluster a field that
//! does nothing is a promise that is not kept.

use crate::node::Node;
use crate::problem::Findings;

const ROOT: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
const SPEC: &[&str] = &["template", "traffic"];
const TEMPLATE: &[&str] = &["metadata", "spec"];
const TEMPLATE_METADATA: &[&str] = &["annotations", "labels", "name"];

/// Knative's own first, then what a Deployment's pods have and nothing of ours stands in the way of.
const POD: &[&str] = &[
    "containers",
    "containerConcurrency",
    "timeoutSeconds",
    "responseStartTimeoutSeconds",
    "idleTimeoutSeconds",
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "preemptionPolicy",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];

const CONTAINER: &[&str] = &[
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeMounts",
    "workingDir",
];

const PORT: &[&str] = &["containerPort", "name", "protocol"];
const PORT_NAMES: [&str; 4] = ["h2c", "http", "http1", "user-port"];
const TRAFFIC: &[&str] = &["latestRevision", "percent"];

/// Variables that are set for every container.
const OWN_VARIABLES: [&str; 4] = ["PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"];

/// Refuses every field of the object that is not honoured, each with its value and what is allowed.
pub(super) fn refuse(root: &Node<'_>, found: &mut Findings) {
    only(root, ROOT, found);
    let spec = root.at("spec");
    only(&spec, SPEC, found);
    traffic(&spec.at("traffic"), found);
    let template = spec.at("template");
    only(&template, TEMPLATE, found);
    only(&template.at("metadata"), TEMPLATE_METADATA, found);
    let pod = template.at("spec");
    only_of_pod(&pod, found);
    let containers = pod.at("containers");
    let all = containers.items(found);
    match &all[..] {
        [] => found.refuse(containers.path(), "is missing: a pod needs a container"),
        [one] => container(one, found),
        more => found.refuse(containers.path(), format!("has {} containers: one is allowed", more.len())),
    }
}

fn only(node: &Node<'_>, allowed: &[&str], found: &mut Findings) {
    for field in node.fields(found) {
        if !allowed.contains(&field) {
            refuse_field(&node.at(field), &format!("allowed here are {}", allowed.join(", ")), found);
        }
    }
}

fn only_of_pod(pod: &Node<'_>, found: &mut Findings) {
    for field in pod.fields(found) {
        match field {
            "terminationGracePeriodSeconds" => {
                refuse_field(&pod.at(field), "pods may take as long to end as timeoutSeconds says", found);
            }
            field if !POD.contains(&field) => {
                refuse_field(&pod.at(field), &format!("allowed here are {}", POD.join(", ")), found);
            }
            _ => {}
        }
    }
}

fn refuse_field(node: &Node<'_>, allowed: &str, found: &mut Findings) {
    let message = format!("is not honoured: {allowed}");
    match node.scalar() {
        Some(value) => found.wrong(node.path(), &value, message),
        None => found.refuse(node.path(), message),
    }
}

fn container(container: &Node<'_>, found: &mut Findings) {
    only(container, CONTAINER, found);
    let image = container.at("image");
    if image.text(found).is_none_or(str::is_empty) {
        found.refuse(image.path(), "is missing: a container needs an image");
    }
    for variable in container.at("env").items(found) {
        let name = variable.at("name");
        if let Some(text) = name.text(found).filter(|text| OWN_VARIABLES.contains(text)) {
            found.wrong(name.path(), text, format!("is set by Rouse, as {} are", OWN_VARIABLES.join(", ")));
        }
    }
    let ports = container.at("ports");
    let all = ports.items(found);
    if all.len() > 1 {
        found.refuse(ports.path(), format!("has {} ports: requests come in at one", all.len()));
    }
    for port in all {
        only(&port, PORT, found);
        one_of(&port.at("name"), &PORT_NAMES, found);
        one_of(&port.at("protocol"), &["TCP"], found);
        let number = port.at("containerPort");
        if !number.exists() {
            found.refuse(number.path(), "is missing: write a port from 1 to 65535");
        }
    }
}

fn one_of(node: &Node<'_>, allowed: &[&str], found: &mut Findings) {
    if let Some(text) = node.text(found).filter(|text| !text.is_empty() && !allowed.contains(text)) {
        found.wrong(node.path(), text, format!("is not honoured: it must be {}", allowed.join(" or ")));
    }
}

/// There is one revision, and all traffic goes to it.
fn traffic(traffic: &Node<'_>, found: &mut Findings) {
    const ALLOWED: &str = "all traffic goes to the latest revision; allowed is one target with latestRevision: true and \
                           percent: 100";
    let targets = traffic.items(found);
    if targets.len() > 1 {
        found.refuse(traffic.path(), format!("has {} targets: {ALLOWED}", targets.len()));
    }
    for target in targets {
        for field in target.fields(found) {
            let node = target.at(field);
            let is_honoured = match field {
                "latestRevision" => node.switch(found).is_none_or(|latest| latest),
                "percent" => node.number(found).is_none_or(|percent| percent == 100),
                other => TRAFFIC.contains(&other),
            };
            if !is_honoured {
                refuse_field(&node, ALLOWED, found);
            }
        }
    }
}
