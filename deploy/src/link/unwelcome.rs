//! Why a reporter is not served.

use config::WorkloadId;

use crate::kubernetes::identity::BadToken;

/// Why a reporter is not served. Its Link is closed at once; it may come again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwelcome {
    #[error("there are as many links as there may be")]
    TooMany,
    #[error("the platform has not named this pod, and it does not say which workload it serves")]
    Unnamed,
    #[error("there is no workload {0}")]
    UnknownWorkload(WorkloadId),
    #[error("it says that it serves {says}, and is a pod of {is}")]
    OtherWorkload { says: WorkloadId, is: WorkloadId },
    #[error("it has no token")]
    NoToken,
    #[error("its token is not believed: {0}")]
    BadToken(#[from] BadToken),
    #[error("its token is that of another pod")]
    OtherPod,
    #[error("its token is of the namespace {0}, its workload is not")]
    OtherNamespace(String),
    #[error("its token is not that of an activator of this name")]
    NoActivator,
    #[error("it shows the token of a pod that is gone")]
    Gone,
    #[error("it shows the token of a pod that the platform does not have")]
    NoSuchPod,
    #[error("the platform does not know its address, or not yet")]
    NoAddress,
    #[error("it does not connect from the address of whom it says it is")]
    OtherAddress,
}

impl Unwelcome {
    /// One word, for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Unwelcome::TooMany => "too-many",
            Unwelcome::Unnamed => "unnamed",
            Unwelcome::UnknownWorkload(_) => "unknown-workload",
            Unwelcome::OtherWorkload { .. } => "other-workload",
            Unwelcome::NoToken => "no-token",
            Unwelcome::BadToken(why) => why.word(),
            Unwelcome::OtherPod => "other-pod",
            Unwelcome::OtherNamespace(_) => "other-namespace",
            Unwelcome::NoActivator => "no-activator",
            Unwelcome::Gone => "gone",
            Unwelcome::NoSuchPod => "no-such-pod",
            Unwelcome::NoAddress => "no-address",
            Unwelcome::OtherAddress => "other-address",
        }
    }

    /// Whether it is in order: the reporter was faster than the platform, and comes again.
    pub(crate) fn is_early(&self) -> bool {
        matches!(self, Unwelcome::Unnamed | Unwelcome::NoAddress | Unwelcome::UnknownWorkload(_))
    }
}
