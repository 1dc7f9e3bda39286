//! A `Service` of Knative: one object that is workload and address at once.

use std::time::Duration;

use super::container;
use super::document::Object;
use super::workload::{self, Parts};
use super::{Cluster, Draft};
use crate::annotations::{self, Annotations, Holder, Limits, Written, keys};
use crate::node::Node;
use crate::problem::Findings;
use crate::{Defaults, bounds};

/// Knative probes much more often than Kubernetes by default, and says so by a zero.
pub(super) const PROBE_PERIOD: Duration = Duration::ZERO;

pub(super) fn read(object: &Object, cluster: &Cluster) -> Draft {
    let mut found = object.findings();
    let root = object.root();
    let template = root.at("spec").at("template");
    if !template.exists() {
        found.refuse(template.path(), "is missing");
    }
    let pod = template.at("spec");
    let settings = settings(&root, &template, &mut found);
    let limits = Limits::read(&settings, &mut found).or(limits(&pod, &cluster.defaults, &mut found));
    let labels = template.at("metadata").at("labels").map(&mut found);
    let mut container = container::read(&pod, PROBE_PERIOD, object, cluster, &mut found);
    let revision = template.at("metadata").at("name").text(&mut found).map(str::to_owned);
    let revision = revision.unwrap_or_else(|| format!("{}-00001", object.name));
    for (name, value) in [("K_SERVICE", &object.name), ("K_CONFIGURATION", &object.name), ("K_REVISION", &revision)] {
        container.template.env.push((name.to_owned(), value.clone()));
    }
    warn_of_traffic(&root.at("spec").at("traffic"), &mut found);
    let mut draft = workload::draft(object, cluster, Parts { settings, limits, container, labels }, found);
    let serving = &mut draft.declared.workload.serving;
    serving.termination_grace = serving.timeout;
    draft.names.push(object.name.clone());
    draft
}

/// The template's annotations, and those of ours on the Service. Knative refuses its own on the Service.
pub(super) fn settings(root: &Node<'_>, template: &Node<'_>, found: &mut Findings) -> Annotations {
    let mut service = root.at("metadata").at("annotations").map(found);
    service.retain(|name, _| {
        let misplaced = name.starts_with(keys::KNATIVE_SPACE);
        if misplaced {
            found.refuse(name, "belongs in spec.template.metadata.annotations of a Knative Service");
        }
        !misplaced
    });
    let template = template.at("metadata").at("annotations").map(found);
    annotations::check_words(&service, Holder::Workload, found);
    annotations::check_words(&template, Holder::Workload, found);
    annotations::overlay(&service, &template, found)
}

pub(super) fn limits(pod: &Node<'_>, defaults: &Defaults, found: &mut Findings) -> Limits {
    let most = defaults.max_timeout;
    let mut seconds = |field: &str| {
        let node = pod.at(field);
        let seconds = node.number(found)?;
        let value = Duration::from_secs(u64::from(seconds));
        if value > most {
            let limit = "max-revision-timeout-seconds of the ConfigMap config-defaults";
            found.refuse(node.path(), format!("{seconds} is more than {limit}, {}", most.as_secs()));
        }
        // Zero is the default, as in Knative.
        (seconds > 0).then(|| written(&node, seconds, value))
    };
    Limits {
        timeout: seconds("timeoutSeconds"),
        response_start_timeout: seconds("responseStartTimeoutSeconds"),
        idle_timeout: seconds("idleTimeoutSeconds"),
        container_concurrency: container_concurrency(&pod.at("containerConcurrency"), defaults, found),
        ignore_paths: None,
        upgrades: None,
    }
}

fn container_concurrency(node: &Node<'_>, defaults: &Defaults, found: &mut Findings) -> Option<Written<u32>> {
    let number = node.number(found)?;
    let most = defaults.max_container_concurrency.min(bounds::MAX_CONTAINER_CONCURRENCY);
    if number > most {
        let limit = "container-concurrency-max-limit of the ConfigMap config-defaults";
        found.refuse(node.path(), format!("{number} is more than {limit}, {most}"));
    }
    if number == 0 && !defaults.allow_container_concurrency_zero {
        found.refuse(node.path(), "0 is not allowed by the ConfigMap config-defaults: it must be 1 or more");
    }
    Some(written(node, number, number))
}

fn written<T>(node: &Node<'_>, number: u32, value: T) -> Written<T> {
    Written { key: node.path().to_owned(), text: number.to_string(), value }
}

/// There is one revision: all traffic goes to it.
fn warn_of_traffic(traffic: &Node<'_>, found: &mut Findings) {
    let targets = traffic.items(found);
    let all_to_latest = match &targets[..] {
        [] => true,
        [only] => only.at("revisionName").text(found).is_none() && only.at("tag").text(found).is_none(),
        _ => false,
    };
    if !all_to_latest {
        found.warn(traffic.path(), "is ignored: all traffic goes to the revision of this file");
    }
}
