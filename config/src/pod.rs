//! A pod: one running copy of a workload.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Time, WorkloadId};

/// Names one pod for its whole life; never used again for another. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodId(Arc<str>);

impl PodId {
    /// The pod called `name`: on one machine a pod's name, on Kubernetes its name, a dot and its UID.
    pub fn new(name: &str) -> PodId {
        PodId(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a pod is in its life. It only ever moves forward, except that a ready pod whose probe fails is starting again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodState {
    /// It exists and may have an address; its readiness probe has not passed yet.
    Starting,
    /// Its readiness probe passed: it may be given requests.
    Ready,
    /// It was told to end: it finishes what it has and is given nothing new.
    Draining,
    /// It ended. Nothing is ever heard of it again.
    Gone,
}

/// One running copy of a workload, as a platform announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub id: PodId,
    /// What it is a copy of.
    pub workload: WorkloadId,
    /// Where its queue-proxy (or, if it has none, its app) serves.
    pub address: SocketAddr,
    /// Where it is in its life.
    pub state: PodState,
    /// Whether a queue-proxy stands in front of it. A workload with a ready pod without one never takes the route
    /// [`crate::Route::Pods`].
    pub has_queue_proxy: bool,
    /// When it was asked for.
    pub created: Time,
}

/// Why a workload cannot have a ready pod just now. Its holds end early, with [`Failure::word`] as the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Failure {
    /// The command does not exist, or the image does not pull.
    Image {
        /// What the platform said.
        detail: String,
    },
    /// The app exited this many times in a row without ever being ready.
    CrashLoop {
        /// Exits in a row.
        exits: u32,
        /// What the platform said of the last one.
        detail: String,
    },
    /// The app ran but was not ready within its start timeout.
    StartTimeout {
        /// What the platform said.
        detail: String,
    },
    /// A quota forbids the pod.
    Quota {
        /// What the platform said.
        detail: String,
    },
    /// No node has room for the pod, or no port is free.
    Unschedulable {
        /// What the platform said.
        detail: String,
    },
    /// What has to admit the pod refuses it, or does not answer: a webhook of Kubernetes.
    Admission {
        /// What the platform said.
        detail: String,
    },
}

impl Failure {
    /// The reason in one word, as clients see it in `Rouse-Reason`.
    pub fn word(&self) -> &'static str {
        match self {
            Failure::Image { .. } => "image",
            Failure::CrashLoop { .. } => "crash-loop",
            Failure::StartTimeout { .. } => "start-timeout",
            Failure::Quota { .. } => "quota",
            Failure::Unschedulable { .. } => "unschedulable",
            Failure::Admission { .. } => "admission",
        }
    }

    /// What the platform said: for operators (`explain`, events), never for clients.
    pub fn detail(&self) -> &str {
        match self {
            Failure::Image { detail }
            | Failure::CrashLoop { detail, .. }
            | Failure::StartTimeout { detail }
            | Failure::Quota { detail }
            | Failure::Unschedulable { detail }
            | Failure::Admission { detail } => detail,
        }
    }
}
