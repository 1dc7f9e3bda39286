//! Platform calls on their way: per workload one at a time, the newest wish next.

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
/// A workload has at most one call running, so that two never overtake each other, and at most one wish of each kind
/// waiting, which a newer one replaces: the bound is the number of workloads.
#[derive(Debug)]
pub struct Calls<P> {
    platform: Arc<P>,
    running: JoinSet<Ended>,
    waiting: HashMap<WorkloadId, Wishes>,
}

/// The wishes of a workload whose call runs.
#[derive(Debug, Default)]
struct Wishes {
    route: Option<Route>,
    scale: Option<u32>,
    /// The call that runs is to scale to this.
    scaling: Option<u32>,
}

impl Wishes {
    /// The route goes first: a scale to zero must find the activator in the path.
    fn next(&mut self) -> Option<Call> {
        self.route.take().map(Call::Route).or_else(|| self.scale.take().map(Call::Scale))
    }
}

impl<P: Platform> Calls<P> {
    /// No calls yet.
    pub fn new(platform: Arc<P>) -> Calls<P> {
        Calls { platform, running: JoinSet::new(), waiting: HashMap::new() }
    }

    /// Makes `call`, now or as soon as the call that runs for `workload` has ended.
    pub fn make(&mut self, workload: WorkloadId, call: Call) {
        if let Some(wishes) = self.waiting.get_mut(&workload) {
            match call {
                Call::Scale(pods) => wishes.scale = Some(pods),
                Call::Route(route) => wishes.route = Some(route),
            }
            return;
        }
        self.waiting.insert(workload.clone(), Wishes::default());
        self.start(workload, call);
    }

    /// How many pods the platform is being asked for, if a call is on its way.
    pub fn scaling(&self, workload: &WorkloadId) -> Option<u32> {
        self.waiting.get(workload).and_then(|wishes| wishes.scale.or(wishes.scaling))
    }

    /// The next call to end. Pends while none runs. Cancel-safe.
    pub async fn ended(&mut self) -> Ended {
        let ended = match self.running.join_next().await {
            Some(ended) => ended.expect("platform calls do not panic and are not aborted"),
            None => std::future::pending().await,
        };
        match self.waiting.get_mut(&ended.workload).and_then(Wishes::next) {
            Some(next) => self.start(ended.workload.clone(), next),
            None => drop(self.waiting.remove(&ended.workload)),
        }
        ended
    }

    fn start(&mut self, workload: WorkloadId, call: Call) {
        if let Some(wishes) = self.waiting.get_mut(&workload) {
            wishes.scaling = if let Call::Scale(pods) = call { Some(pods) } else { None };
        }
        let platform = Arc::clone(&self.platform);
        self.running.spawn(async move {
            let result = match call {
                Call::Scale(pods) => platform.scale(&workload, pods).await,
                Call::Route(route) => platform.route(&workload, route).await,
            };
            Ended { workload, call, result, at: Instant::now() }
        });
    }
}
