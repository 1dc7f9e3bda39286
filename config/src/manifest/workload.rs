//! Deployments and StatefulSets; what they share with Knative Services.

use std::time::Duration;

use super::container::{self, Container};
use super::document::{Kind, Object};
use super::node::Node;
use super::{Cluster, Declared, Draft, knative_service};
use crate::annotations::{self, Annotations, Holder, Limits, Scaling, keys};
use crate::problem::Findings;
use crate::{Policy, Protocol, Serving, Workload};

/// How often Kubernetes probes where nothing is said.
const PROBE_PERIOD: Duration = Duration::from_secs(10);

/// How long Kubernetes lets a pod end where nothing is said.
const TERMINATION_GRACE: Duration = Duration::from_secs(30);

/// The workload that `object` declares, if it is one.
pub(super) fn read(object: &Object, cluster: &Cluster) -> Option<Draft> {
    match object.kind {
        Kind::Deployment | Kind::StatefulSet => Some(plain(object, cluster)),
        Kind::KnativeService => Some(knative_service::read(object, cluster)),
        Kind::Service | Kind::Secret | Kind::ConfigMap | Kind::Pods => None,
    }
}

fn plain(object: &Object, cluster: &Cluster) -> Draft {
    let mut found = object.findings();
    let root = object.root();
    let template = root.at("spec").at("template");
    if !template.exists() {
        found.refuse(template.path(), "is missing");
    }
    let settings = settings(&root, &template, &mut found);
    let labels = template.at("metadata").at("labels").map(&mut found);
    warn_of_half_labels(&root, &labels, &mut found);
    let limits = Limits::read(&settings, &mut found);
    let pod = template.at("spec");
    let container = container::read(&pod, PROBE_PERIOD, object, cluster, &mut found);
    let mut draft = draft(object, cluster, Parts { settings, limits, container, labels }, found);
    let grace = pod.at("terminationGracePeriodSeconds").number(&mut draft.findings);
    draft.declared.workload.serving.termination_grace =
        grace.map_or(TERMINATION_GRACE, |seconds| Duration::from_secs(u64::from(seconds)));
    draft
}

/// The annotations that set a workload, with words that nobody knows reported, in labels too.
fn settings(root: &Node<'_>, template: &Node<'_>, found: &mut Findings) -> Annotations {
    let mut all = [root, template].map(|holder| {
        let metadata = holder.at("metadata");
        annotations::check_words(&metadata.at("labels").map(found), Holder::Workload, found);
        metadata.at("annotations").map(found)
    });
    for annotations in &mut all {
        annotations::check_words(annotations, Holder::Workload, found);
    }
    let [workload, template] = &all;
    annotations::overlay(workload, template, found)
}

/// On Kubernetes the two labels only work together; on one machine neither is needed.
fn warn_of_half_labels(root: &Node<'_>, template_labels: &Annotations, found: &mut Findings) {
    let labels = root.at("metadata").at("labels").map(found);
    let on = |labels: &Annotations, key: keys::Key| labels.get(key.name).is_some_and(|value| value == "true");
    match (on(&labels, keys::SCALE), on(template_labels, keys::INJECT)) {
        (true, false) => {
            found.warn(keys::SCALE.name, "needs rouse.dev/inject: \"true\" on the pod template to work on Kubernetes");
        }
        (false, true) => {
            found.warn(keys::INJECT.name, "needs rouse.dev/scale: \"true\" on the workload to work on Kubernetes");
        }
        _ => {}
    }
}

/// What a workload is made of.
pub(super) struct Parts {
    /// Its annotations, the template's over its own.
    pub(super) settings: Annotations,
    pub(super) limits: Limits,
    pub(super) container: Container,
    /// The labels of its pods.
    pub(super) labels: Annotations,
}

/// Puts a workload together; `found` goes with it.
pub(super) fn draft(object: &Object, cluster: &Cluster, parts: Parts, mut found: Findings) -> Draft {
    let scaling = Scaling::read(&parts.settings, &cluster.autoscaler, &mut found);
    let mut serving = Serving { readiness: parts.container.readiness, ..Serving::default() };
    parts.limits.apply(&cluster.defaults, &mut serving, &mut found);
    if let Some(protocol) = parts.container.port_name.as_deref().and_then(spoken_by) {
        serving.protocol = protocol;
    }
    let policy = Policy::new(&scaling, &cluster.autoscaler, serving.container_concurrency, &mut found);
    let hosts = annotations::hosts(&parts.settings, &mut found);
    Draft {
        declared: Declared {
            workload: Workload { id: object.id(), policy, serving, hosts: Vec::new() },
            template: parts.container.template,
            ports: Vec::new(),
            source: object.source(),
        },
        labels: parts.labels,
        names: Vec::new(),
        hosts,
        findings: found,
    }
}

/// What the name of a port, or its `appProtocol`, says that the app speaks.
pub(super) fn spoken_by(word: &str) -> Option<Protocol> {
    match word {
        "h2c" | "kubernetes.io/h2c" => Some(Protocol::H2c),
        word if word.starts_with("grpc") || word.starts_with("h2c-") => Some(Protocol::H2c),
        word if word.starts_with("http") && !word.starts_with("https") => Some(Protocol::Http1),
        _ => None,
    }
}
