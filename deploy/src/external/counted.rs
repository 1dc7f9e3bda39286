//! What is open of workloads, and who follows when that begins and ends.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use autoscaler::{Engine, RequestsNow};
use config::WorkloadId;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::watch;

/// What the engine counts of workloads, for those who scale in its place. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Counted(Arc<Inner>);

struct Inner {
    engine: Arc<Mutex<Engine>>,
    clock: Clock,
    /// Who is followed, and whether it is busy as last told: bounded by the workloads there are. Locked before the engine,
    /// so that nothing is told between a look at a workload and the first word about it.
    followed: Mutex<HashMap<WorkloadId, watch::Sender<bool>>>,
}

impl Counted {
    /// What `engine` counts. Whoever drives it tells of edges.
    pub fn new(engine: Arc<Mutex<Engine>>, clock: Clock) -> Counted {
        Counted(Arc::new(Inner { engine, clock, followed: Mutex::default() }))
    }

    /// What is open of the workload now; none if nobody knows it.
    pub fn requests(&self, id: &WorkloadId) -> Option<RequestsNow> {
        self.0.engine.lock().requests(self.0.clock.now(), id)
    }

    /// Whether the workload is busy, as it changes. It ends when the workload does; none if nobody knows it.
    pub fn follow(&self, id: &WorkloadId) -> Option<watch::Receiver<bool>> {
        let mut followed = self.0.followed.lock();
        let is_busy = self.requests(id)?.busy;
        let edges = followed.entry(id.clone()).or_insert_with(|| watch::channel(is_busy).0);
        Some(edges.subscribe())
    }

    /// The workload became busy, or is no more.
    pub fn edge(&self, id: &WorkloadId, is_busy: bool) {
        let mut followed = self.0.followed.lock();
        let Some(edges) = followed.get(id) else { return };
        if edges.send(is_busy).is_err() {
            followed.remove(id); // nobody follows it any more
        }
    }

    /// There is no such workload any more.
    pub fn gone(&self, id: &WorkloadId) {
        self.0.followed.lock().remove(id);
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use autoscaler::{EngineSettings, Reporters, StartAs};
    use config::{Policy, Serving, Workload};

    use super::*;

    fn hello() -> WorkloadId {
        "hello".parse().unwrap()
    }

    fn counted() -> Counted {
        let clock = Clock::start();
        let (tick_offset, start, reporters) = (Duration::ZERO, StartAs::Zero, Reporters::InProcess);
        let mut engine = Engine::new(EngineSettings { tick_offset, start, reporters });
        let (policy, serving, hosts) = (Policy::default(), Serving::default(), Vec::new());
        engine.workload(clock.now(), &Workload { id: hello(), policy, serving, hosts }, 0);
        Counted::new(Arc::new(Mutex::new(engine)), clock)
    }

    #[test]
    fn nobody_follows_what_nobody_knows() {
        let counted = counted();
        let nobody = "nobody".parse().unwrap();
        assert!(counted.follow(&nobody).is_none() && counted.requests(&nobody).is_none());
        counted.edge(&nobody, true);
        assert!(counted.0.followed.lock().is_empty());
    }

    #[test]
    fn what_nobody_follows_any_more_is_forgotten_and_what_is_gone_ends() {
        let counted = counted();
        counted.edge(&hello(), true);
        let mut edges = counted.follow(&hello()).unwrap();
        assert!(!*edges.borrow_and_update());
        counted.edge(&hello(), true);
        assert!(*edges.borrow_and_update());
        counted.gone(&hello());
        assert!(edges.has_changed().is_err());
        drop(counted.follow(&hello()).unwrap());
        counted.edge(&hello(), false);
        assert!(counted.0.followed.lock().is_empty());
    }
}
