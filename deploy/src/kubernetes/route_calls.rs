//! Calls of [`config::Platform::route`], on their way to the part that turns Services.

use config::{PlatformError, Route, WorkloadId, bounds};
use tokio::sync::{mpsc, oneshot};

/// One call.
#[derive(Debug)]
pub struct RouteCall {
    /// Whose route.
    pub workload: WorkloadId,
    /// What it is to be.
    pub route: Route,
    /// To say when there is evidence that it is, or why it cannot be. Nobody listens any more when it is closed.
    pub done: oneshot::Sender<Result<(), PlatformError>>,
}

/// Where calls are made. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RouteCalls(mpsc::Sender<RouteCall>);

impl RouteCalls {
    /// Where calls are made, and where they come out.
    pub fn channel() -> (RouteCalls, mpsc::Receiver<RouteCall>) {
        let (sender, receiver) = mpsc::channel(bounds::KUBE_ROUTE_CALLS);
        (RouteCalls(sender), receiver)
    }

    /// Makes a call; resolves when it is done.
    ///
    /// # Errors
    /// Whatever the other side says, or that it is gone.
    pub async fn route(&self, workload: &WorkloadId, route: Route) -> Result<(), PlatformError> {
        let (done, answer) = oneshot::channel();
        let gone = || PlatformError::Refused("nobody turns routes: this process ends".to_owned());
        self.0.send(RouteCall { workload: workload.clone(), route, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
