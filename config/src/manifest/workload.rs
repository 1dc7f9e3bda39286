//! Deployments and StatefulSets; what they share with Knative Services.

use std::time::Duration;

use super::container::{self, App, Container};
use super::document::{Kind, Object};
use super::{Cluster, Declared, Draft, knative_service};
use crate::annotations::{self, Annotations, Holder, Limits, Scaling, keys};
use crate::node::Node;
use crate::problem::Findings;
use crate::{AutoscalerConfig, Defaults, Policy, Protocol, Serving, Workload};

/// How often Kubernetes probes where nothing is said.
pub(super) const PROBE_PERIOD: Duration = Duration::from_secs(10);

/// How long Kubernetes lets a pod end where nothing is said.
const TERMINATION_GRACE: Duration = Duration::from_secs(30);

/// The workload that `object` declares, if it is one.
pub(super) fn read(object: &Object, cluster: &Cluster) -> Option<Draft> {
    match object.kind {
        Kind::Deployment | Kind::StatefulSet => Some(plain(object, cluster)),
        Kind::KnativeService => Some(knative_service::read(object, cluster)),
        _ => None,
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
    refuse_half_labels(&root, &template, &mut found);
    let limits = Limits::read(&settings, &mut found);
    let pod = template.at("spec");
    let container = container::read(&pod, PROBE_PERIOD, object, cluster, &mut found);
    let mut draft = draft(object, cluster, Parts { settings, limits, container, labels }, found);
    draft.declared.workload.serving.termination_grace = termination_grace(&pod, &mut draft.findings);
    draft
}

/// How long a pod may take to end.
pub(super) fn termination_grace(pod: &Node<'_>, found: &mut Findings) -> Duration {
    let grace = pod.at("terminationGracePeriodSeconds").number(found);
    grace.map_or(TERMINATION_GRACE, |seconds| Duration::from_secs(u64::from(seconds)))
}

/// The annotations that set a workload, with words that nobody knows reported, in labels too.
pub(super) fn settings(root: &Node<'_>, template: &Node<'_>, found: &mut Findings) -> Annotations {
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

/// On Kubernetes the two labels only work together; on one machine neither is needed, and one alone is an error for what
/// the manifest would do elsewhere.
pub(super) fn refuse_half_labels(root: &Node<'_>, template: &Node<'_>, found: &mut Findings) {
    let on = |holder: &Node<'_>, key: keys::Key, found: &mut Findings| {
        holder.at("metadata").at("labels").map(found).get(key.name).is_some_and(|value| value == "true")
    };
    match (on(root, keys::SCALE, found), on(template, keys::INJECT, found)) {
        (true, false) => {
            found.refuse(keys::SCALE.name, "needs the label rouse.dev/inject: \"true\" on the pod template");
        }
        (false, true) => {
            found.refuse(keys::INJECT.name, "needs the label rouse.dev/scale: \"true\" on the workload");
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
    let Container { template, app } = parts.container;
    let (policy, serving) =
        decided(&parts.settings, &parts.limits, app, &cluster.autoscaler, &cluster.defaults, &mut found);
    let hosts = annotations::hosts(&parts.settings, &mut found);
    Draft {
        declared: Declared {
            workload: Workload { id: object.id(), policy, serving, hosts: Vec::new() },
            template,
            ports: Vec::new(),
            worker: false,
            source: object.source(),
        },
        labels: parts.labels,
        names: Vec::new(),
        hosts,
        findings: found,
    }
}

/// How a workload is scaled and served.
pub(super) fn decided(
    settings: &Annotations,
    limits: &Limits,
    app: App,
    autoscaler: &AutoscalerConfig,
    defaults: &Defaults,
    found: &mut Findings,
) -> (Policy, Serving) {
    let scaling = Scaling::read(settings, autoscaler, found);
    let mut serving = Serving { readiness: app.readiness, ..Serving::default() };
    limits.apply(defaults, &mut serving, found);
    if let Some(protocol) = app.port_name.as_deref().and_then(spoken_by) {
        serving.protocol = protocol;
    }
    (Policy::new(&scaling, autoscaler, serving.container_concurrency, found), serving)
}

/// What the name of a port, or its `appProtocol`, says that the app speaks.
pub fn spoken_by(word: &str) -> Option<Protocol> {
    match word {
        "h2c" | "kubernetes.io/h2c" => Some(Protocol::H2c),
        word if word.starts_with("grpc") || word.starts_with("h2c-") => Some(Protocol::H2c),
        word if word.starts_with("http") && !word.starts_with("https") => Some(Protocol::Http1),
        _ => None,
    }
}
