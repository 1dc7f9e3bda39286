//! The frames of the Link: the two-way stream that a reporter keeps to the autoscaler.
//!
//! On one machine the frames travel through bounded channels of one process. Between processes a codec puts them on
//! the wire; frames that a side does not know are skipped, so that a reporter one version older or newer works.

use std::net::SocketAddr;

use crate::{Failure, Pod, PodId, Report, Serving, Time, WorkloadId};

/// Who reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reporter {
    /// The queue-proxy of this pod.
    Pod(PodId),
    /// The activator of this name.
    Activator(std::sync::Arc<str>),
}

/// From a reporter to the autoscaler.
#[derive(Clone, Debug, PartialEq)]
pub enum Up {
    /// The first frame. A queue-proxy says it as soon as it runs: the earliest that anyone can know its address.
    Hello {
        /// Who speaks.
        reporter: Reporter,
        /// The workload it serves; an activator serves all.
        workload: Option<WorkloadId>,
        /// Where it serves.
        address: SocketAddr,
    },
    /// What one counter of the reporter saw in one interval.
    Report {
        /// Who speaks.
        reporter: Reporter,
        /// Whose load it is.
        workload: WorkloadId,
        /// What was seen.
        report: Report,
    },
    /// The reporter has nothing left of this workload and says no more of it.
    Left {
        /// Who speaks.
        reporter: Reporter,
        /// Whose load it was.
        workload: WorkloadId,
    },
}

/// From the autoscaler to a reporter.
#[derive(Clone, Debug, PartialEq)]
pub enum Down {
    /// All reports up to this one arrived; the reporter may forget them.
    Ack {
        /// The last report's number.
        seq: u64,
    },
    /// How the workload is to be served and reported from now on.
    Settings {
        /// Whose settings.
        workload: WorkloadId,
        /// Limits and timeouts.
        serving: Serving,
        /// In flight + waiting above which a report is due at once.
        watermark: u32,
    },
    /// Turn clients away from this pod without failing any: `Connection: close`, GOAWAY.
    Leave {
        /// Which pod.
        pod: PodId,
        /// Whether it is to end as well.
        go: bool,
    },
    /// To activators: how the pods of a workload changed.
    Pods {
        /// Whose pods.
        workload: WorkloadId,
        /// Each pod that is new or changed; one that is [`crate::PodState::Gone`] is removed.
        pods: Vec<Pod>,
        /// Why there can be no ready pod, if that is so: holds end early.
        failure: Option<Failure>,
        /// When the platform saw it.
        at: Time,
    },
}
