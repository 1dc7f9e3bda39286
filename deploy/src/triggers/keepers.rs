//! All ScaledObjects that are served.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use autoscaler::Engine;
use config::WorkloadId;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::counted::Counted;
use super::keeper::{Around, Keeper};
use super::plan::Plan;
use super::told::Told;
use crate::link::Heard;

/// Keeps what triggers ask for known to the engine, for each workload that has some.
pub struct Keepers {
    around: Around,
    kept: HashMap<WorkloadId, Kept>,
}

/// One that runs; it ends when this goes.
struct Kept {
    /// Only the newest matters: a keeper that reads takes it in when it has read.
    plan: watch::Sender<Arc<Plan>>,
    task: JoinHandle<()>,
    /// Whether it was told to end, and the engine has yet to hear of that.
    leaves: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keepers {
    /// None yet. What triggers ask for goes to `heard`.
    pub fn new(engine: Arc<Mutex<Engine>>, heard: mpsc::Sender<Heard>, clock: Clock) -> Keepers {
        let around = Around { engine, heard, clock, told: Told::default(), counted: Counted::default() };
        Keepers { around, kept: HashMap::new() }
    }

    /// The same; the pods of those that are in `counted` are counted there.
    #[must_use]
    pub fn counted(mut self, counted: Counted) -> Keepers {
        self.around.counted = counted;
        self
    }

    /// The same; `told` knows what triggers say.
    #[must_use]
    pub fn telling(mut self, told: Told) -> Keepers {
        self.around.told = told;
        self
    }

    /// What is known of all triggers.
    pub fn told(&self) -> &Told {
        &self.around.told
    }

    /// What time it is.
    #[cfg(test)]
    pub(super) fn clock(&self) -> Clock {
        self.around.clock
    }

    /// From now on these are served, and no others. What one remembers stays if it was served before.
    pub async fn set(&mut self, plans: Vec<Plan>) {
        let served: HashSet<&WorkloadId> = plans.iter().map(|plan| &plan.workload).collect();
        let gone: Vec<WorkloadId> = self.kept.keys().filter(|id| !served.contains(id)).cloned().collect();
        for id in gone {
            self.remove(&id, || ()).await;
        }
        for plan in plans {
            self.put(plan);
        }
    }

    /// From now on this one is served, in the place of any other of its workload, of which it remembers what that does.
    pub fn put(&mut self, plan: Plan) {
        let plan = Arc::new(plan);
        match self.kept.get(&plan.workload) {
            Some(kept) if !kept.leaves => drop(kept.plan.send_replace(plan)),
            _ => self.start(plan),
        }
    }

    /// Nothing is asked for the workload any more by triggers; `first` is done before anybody hears of that. If this is given
    /// up halfway, nothing of it was done that would be seen: it is to be called again, unless the workload is served again.
    pub async fn remove(&mut self, id: &WorkloadId, first: impl FnOnce()) {
        let Some(kept) = self.kept.get_mut(id) else { return first() };
        // Nobody listens any more only when all ends.
        let place = self.around.heard.reserve().await;
        kept.leaves = true;
        kept.task.abort();
        // What it is about to ask for must not come last. (It was aborted: that it ended is all there is to know.)
        (&mut kept.task).await.ok();
        first();
        self.kept.remove(id);
        self.around.told.forget(id);
        if let Ok(place) = place {
            place.send(Heard::Triggered(id.clone(), None));
        }
    }

    fn start(&mut self, plan: Arc<Plan>) {
        let id = plan.workload.clone();
        let (changes, changed) = watch::channel(Arc::clone(&plan));
        let task = tokio::spawn(Keeper::new(self.around.clone(), plan).keep(changed));
        self.kept.insert(id, Kept { plan: changes, task, leaves: false });
    }
}

impl fmt::Debug for Keepers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keepers").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}
