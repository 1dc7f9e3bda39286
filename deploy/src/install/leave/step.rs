//! One step out of a cluster.

use std::fmt;

use crate::install::Object;

/// Each can be done again: it then changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Stop scaling a workload.
    Pause(Object),
    /// See to it that a workload has at least so many replicas.
    Raise(Object, u32),
    /// Wait until each of the workloads has so many pods that are ready.
    AwaitReady(Vec<(Object, u32)>),
    /// Scale one of our Deployments to zero, and wait until its pods are gone.
    Stop(Object),
    /// Take our key out of a Service's selector.
    GiveBack(Object),
    /// Wait until Kubernetes' own slices lead to the pods that a Service selects by these labels.
    AwaitServed(Object, String),
    /// Delete an object.
    Delete(Object),
    /// Wait until our pods in the namespace of this name have ended.
    AwaitEnded(String),
    /// Wait until a namespace that is being deleted is gone.
    AwaitGone(Object),
    /// Take off a workload what only Rouse writes, and the pause if it was ours.
    Forget {
        /// The workload.
        workload: Object,
        /// Whether the pause was ours.
        unpause: bool,
    },
    /// Ask the injector about a namespace again.
    Unlabel(Object),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Pause(workload) => write!(f, "pause {}", Located(workload)),
            Step::Raise(workload, replicas) => write!(f, "scale {} to {replicas}", Located(workload)),
            Step::AwaitReady(workloads) => {
                write!(f, "wait until {} labelled workloads are ready", workloads.len())
            }
            Step::Stop(deployment) => write!(f, "stop {}", Located(deployment)),
            Step::GiveBack(service) => write!(f, "give {} back", Located(service)),
            Step::AwaitServed(service, _) => write!(f, "wait until Kubernetes itself serves {}", Located(service)),
            Step::Delete(object) => write!(f, "delete {}", Located(object)),
            Step::AwaitEnded(namespace) => write!(f, "wait until the last pods in {namespace} have ended"),
            Step::AwaitGone(namespace) => write!(f, "wait until {namespace} is gone"),
            Step::Forget { workload, .. } => write!(f, "forget {}", Located(workload)),
            Step::Unlabel(namespace) => write!(f, "unlabel {}", Located(namespace)),
        }
    }
}

/// An object with its namespace.
pub(super) struct Located<'a>(pub(super) &'a Object);

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.0.namespace().map_or(Ok(()), |namespace| write!(f, " in {namespace}"))
    }
}
