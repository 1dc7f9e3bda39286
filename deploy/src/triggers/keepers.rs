//! All ScaledObjects that are served.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use autoscaler::Engine;
use config::WorkloadId;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

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
    changes: mpsc::Sender<Plan>,
    task: AbortHandle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keepers {
    /// None yet. What triggers ask for goes to `heard`.
    pub fn new(engine: Arc<Mutex<Engine>>, heard: mpsc::Sender<Heard>, clock: Clock) -> Keepers {
        let around = Around { engine, heard, clock, told: Told::default() };
        Keepers { around, kept: HashMap::new() }
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
            self.kept.remove(&id);
            self.around.told.forget(&id);
            // Nobody listens any more only when all ends.
            self.around.heard.send(Heard::Triggered(id, None)).await.ok();
        }
        for plan in plans {
            match self.kept.get(&plan.workload) {
                // A keeper that ended had nobody to tell.
                Some(kept) => drop(kept.changes.send(plan).await),
                None => self.start(plan),
            }
        }
    }

    fn start(&mut self, plan: Plan) {
        let id = plan.workload.clone();
        // One change at a time: whoever edits faster waits.
        let (changes, changed) = mpsc::channel(1);
        let task = tokio::spawn(Keeper::new(self.around.clone(), plan).keep(changed)).abort_handle();
        self.kept.insert(id, Kept { changes, task });
    }
}

impl fmt::Debug for Keepers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keepers").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}
