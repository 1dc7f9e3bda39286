//! Platform calls on their way: for each workload one to scale it at a time, the newest wish next, and the newest route.

use std::collections::HashMap;
use std::sync::Arc;

use config::{Platform, PlatformError, Route, WorkloadId};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One call to a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Platform::scale`] to this many pods.
    Scale(u32),
    /// [`Platform::route`] to this.
    Route(Route),
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// Whose call it was.
    pub workload: WorkloadId,
    /// The call.
    pub call: Call,
    /// What the platform said.
    pub result: Result<(), PlatformError>,
    /// When.
    pub at: Instant,
}

/// Calls that run, and wishes that wait for them.
///
/// A workload has at most one call to scale it running, so that two never overtake each other, and at most one such wish
/// waiting, which a newer one replaces. A route takes as long as there is no evidence of it, so it keeps nothing waiting: a
/// newer one is called at once, by which the platform ends an older one, of which nothing is heard any more. The bound is
/// the number of workloads.
#[derive(Debug)]
pub struct Calls<P> {
    platform: Arc<P>,
    running: JoinSet<(Ended, u64)>,
    scaling: HashMap<WorkloadId, Scaling>,
    /// The newest route of each workload that is on its way, by number.
    routing: HashMap<WorkloadId, u64>,
    next: u64,
}

/// A workload that is being scaled.
#[derive(Clone, Copy, Debug)]
struct Scaling {
    to: u32,
    /// What it is to be scaled to after that.
    then: Option<u32>,
}

impl<P: Platform> Calls<P> {
    /// No calls yet.
    pub fn new(platform: Arc<P>) -> Calls<P> {
        let (running, scaling, routing) = (JoinSet::new(), HashMap::new(), HashMap::new());
        Calls { platform, running, scaling, routing, next: 0 }
    }

    /// Makes `call`, now or, if the workload is being scaled and is to be scaled otherwise, as soon as that has ended.
    pub fn make(&mut self, workload: WorkloadId, call: Call) {
        match call {
            Call::Scale(pods) => {
                if let Some(scaling) = self.scaling.get_mut(&workload) {
                    scaling.then = Some(pods);
                    return;
                }
                self.scaling.insert(workload.clone(), Scaling { to: pods, then: None });
            }
            Call::Route(_) => drop(self.routing.insert(workload.clone(), self.next)),
        }
        self.start(workload, call);
    }

    /// How many pods the platform is being asked for, if a call is on its way.
    pub fn scaling(&self, workload: &WorkloadId) -> Option<u32> {
        self.scaling.get(workload).map(|scaling| scaling.then.unwrap_or(scaling.to))
    }

    /// The next call to end. Pends while none runs. Cancel-safe.
    pub async fn ended(&mut self) -> Ended {
        loop {
            let (ended, number) = match self.running.join_next().await {
                Some(ended) => ended.expect("platform calls do not panic and are not aborted"),
                None => std::future::pending().await,
            };
            let is_newest = match ended.call {
                Call::Scale(_) => {
                    self.scale_next(&ended.workload);
                    true
                }
                Call::Route(_) => {
                    let is_newest = self.routing.get(&ended.workload) == Some(&number);
                    if is_newest {
                        self.routing.remove(&ended.workload);
                    }
                    is_newest
                }
            };
            if is_newest {
                return ended;
            }
        }
    }

    fn scale_next(&mut self, workload: &WorkloadId) {
        if let Some(pods) = self.scaling.remove(workload).and_then(|scaling| scaling.then) {
            self.make(workload.clone(), Call::Scale(pods));
        }
    }

    fn start(&mut self, workload: WorkloadId, call: Call) {
        let (platform, number) = (Arc::clone(&self.platform), self.next);
        self.next += 1;
        self.running.spawn(async move {
            let result = match call {
                Call::Scale(pods) => platform.scale(&workload, pods).await,
                Call::Route(route) => platform.route(&workload, route).await,
            };
            (Ended { workload, call, result, at: Instant::now() }, number)
        });
    }
}

#[cfg(test)]
mod tests {
    use config::PlatformEvent;
    use futures_core::Stream;
    use futures_util::FutureExt;
    use parking_lot::Mutex;
    use tokio::sync::Notify;

    use super::*;

    /// Ends no call before it is told to.
    #[derive(Default)]
    struct Slow {
        begun: Mutex<Vec<Call>>,
        /// For calls to scale, and for those to the activator and to the pods.
        goes: [Notify; 3],
    }

    impl Slow {
        async fn call(&self, call: Call, goes: usize) -> Result<(), PlatformError> {
            self.begun.lock().push(call);
            self.goes[goes].notified().await;
            Ok(())
        }
    }

    impl Platform for Slow {
        fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
            futures_util::stream::pending()
        }

        async fn scale(&self, _: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
            self.call(Call::Scale(pods), 0).await
        }

        async fn route(&self, _: &WorkloadId, route: Route) -> Result<(), PlatformError> {
            self.call(Call::Route(route), 1 + usize::from(route == Route::Pods)).await
        }
    }

    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_scale_at_a_time_and_then_the_newest_however_long_a_route_takes() {
        let platform: Arc<Slow> = Arc::default();
        let (mut calls, id): (_, WorkloadId) = (Calls::new(Arc::clone(&platform)), "hello".parse().unwrap());
        let wishes = [Call::Route(Route::Activator), Call::Scale(1), Call::Scale(2), Call::Scale(3)];
        wishes.into_iter().for_each(|call| calls.make(id.clone(), call));
        settle().await;
        assert_eq!(*platform.begun.lock(), [Call::Route(Route::Activator), Call::Scale(1)]);
        assert_eq!(calls.scaling(&id), Some(3));
        platform.goes[0].notify_one();
        assert_eq!(calls.ended().await.call, Call::Scale(1));
        settle().await;
        assert_eq!((platform.begun.lock().last(), calls.scaling(&id)), (Some(&Call::Scale(3)), Some(3)));
        platform.goes[0].notify_one();
        assert_eq!(calls.ended().await.call, Call::Scale(3));
        assert_eq!(calls.scaling(&id), None);
    }

    #[tokio::test]
    async fn of_routes_the_newest_is_heard_of_and_no_other() {
        let platform: Arc<Slow> = Arc::default();
        let (mut calls, id): (_, WorkloadId) = (Calls::new(Arc::clone(&platform)), "hello".parse().unwrap());
        for route in [Route::Activator, Route::Pods] {
            calls.make(id.clone(), Call::Route(route));
        }
        settle().await;
        assert_eq!(*platform.begun.lock(), [Call::Route(Route::Activator), Call::Route(Route::Pods)]);
        platform.goes[1].notify_one();
        settle().await;
        assert!(calls.ended().now_or_never().is_none(), "an older one ended");
        platform.goes[2].notify_one();
        assert_eq!(calls.ended().await.call, Call::Route(Route::Pods));
    }
}
