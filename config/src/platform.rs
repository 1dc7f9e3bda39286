//! The seam between Rouse and where pods live.

use std::future::Future;
use std::sync::Arc;

use futures_core::Stream;

use crate::{Failure, Pod, Route, Workload, WorkloadId};

/// Where pods live. `deploy` implements it in memory (for tests), on one machine, and on Kubernetes.
///
/// One stream carries both workloads and pods, so that a workload is always known before its pods and no ordering is
/// left to chance between two streams.
pub trait Platform: Send + Sync + 'static {
    /// Everything that exists, then every change. Called once.
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static;

    /// Asks for `pods` pods. Returns when the platform has taken the wish, not when the pods are there.
    ///
    /// # Errors
    /// When the platform refused or could not be reached; the caller may try again.
    fn scale(&self, workload: &WorkloadId, pods: u32) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// Puts the activator into the path, or takes it out. Returns when there is evidence that the route is true
    /// everywhere, which may take any time. A newer call for the same workload takes the place of an older one, which then
    /// ends.
    ///
    /// # Errors
    /// When the platform refused or could not be reached, or another route was asked for meanwhile; the caller may try
    /// again.
    fn route(&self, workload: &WorkloadId, route: Route) -> impl Future<Output = Result<(), PlatformError>> + Send;
}

/// What a platform says.
#[derive(Clone, Debug, PartialEq)]
pub enum PlatformEvent {
    /// The workload is new, or its settings changed, or somebody else asked for another number of pods. The number is
    /// how many it has been asked to have so far, by whomever.
    Workload(Arc<Workload>, u32),
    /// The same of a workload that no autoscaler has had before: its initial-scale is to be reached first.
    Adopted(Arc<Workload>, u32),
    /// The workload is no more.
    WorkloadGone(WorkloadId),
    /// The pod is new or changed.
    Pod(Pod),
    /// Why the workload can have no ready pod just now; `None` when that is over.
    Failure(WorkloadId, Option<Failure>),
}

/// A platform call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The platform does not know the workload (any more).
    #[error("no workload {0}")]
    UnknownWorkload(WorkloadId),
    /// Somebody else asked for so many pods meanwhile; that stands.
    #[error("somebody else asked for {0} pods meanwhile")]
    Changed(u32),
    /// The platform refused.
    #[error("{0}")]
    Refused(String),
}
