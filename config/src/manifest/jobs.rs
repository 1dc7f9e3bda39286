//! The Jobs of a ScaledJob on one machine, where a pod is a process.

use std::time::Duration;

use serde_json::Value;

use super::container;
use super::document::Object;
use super::workload::{PROBE_PERIOD, termination_grace};
use super::{Cluster, Template};
use crate::node::Node;
use crate::problem::Findings;

/// What a JobSpec may say that has no effect on one machine, and what holds there instead.
const WITHOUT_EFFECT: [(&str, &str); 7] = [
    ("backoffLimitPerIndex", "pods have no index"),
    ("managedBy", "Rouse runs the Jobs"),
    ("maxFailedIndexes", "pods have no index"),
    ("podFailurePolicy", "every failure of a pod counts"),
    ("podReplacementPolicy", "a pod is replaced when nothing of it is left"),
    ("successPolicy", "completions decide"),
    ("ttlSecondsAfterFinished", "the history limits decide what is remembered"),
];

/// How one pod of the Jobs of `object` is run, and how long it may take to end. Tells of what has no effect.
pub(super) fn read(object: &Object, cluster: &Cluster, found: &mut Findings) -> (Template, Duration) {
    let root = object.root();
    let job = root.at("spec").at("jobTargetRef");
    for (field, instead) in WITHOUT_EFFECT {
        if job.at(field).exists() {
            found.warn(job.at(field).path(), format!("has no effect on one machine: {instead}"));
        }
    }
    let says = |field: &str, value: &Value| job.at(field).value() == Some(value);
    if says("completionMode", &"Indexed".into()) {
        found.warn(job.at("completionMode").path(), "Indexed has no effect on one machine: pods have no index");
    }
    if says("suspend", &true.into()) {
        found
            .warn(job.at("suspend").path(), "has no effect on one machine: autoscaling.keda.sh/paused creates no Jobs");
    }
    if says("parallelism", &0.into()) {
        found.warn(job.at("parallelism").path(), "0 keeps Jobs from ever beginning: they are created and wait");
    }
    let pod = job.at("template").at("spec");
    refuse_always(&pod, found);
    (container::read(&pod, PROBE_PERIOD, object, cluster, found).template, termination_grace(&pod, found))
}

/// A pod that is always started again never completes.
fn refuse_always(pod: &Node<'_>, found: &mut Findings) {
    let policy = pod.at("restartPolicy");
    if policy.text(found) == Some("Always") {
        found.wrong(policy.path(), "Always", "is not allowed of a Job: it must be one of OnFailure, Never");
    }
}
