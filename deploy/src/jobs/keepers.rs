//! All ScaledJobs that are served.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::bounds;
use queue_proxy::Clock;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;
use tracing::info;

use super::keeper::{Around, Keeper};
use super::launch::Launch;
use super::ledger::Ledger;
use super::plan::Plan;
use super::told::Told;
use crate::fleet::Names;

/// Runs Jobs for each ScaledJob that is served.
pub(crate) struct Keepers<L> {
    around: Arc<Around<L>>,
    /// By their names; the keeper of one ends its Jobs when this goes.
    kept: BTreeMap<String, watch::Sender<Arc<Plan>>>,
    tasks: TaskTracker,
}

impl<L: Launch> Keepers<L> {
    /// None yet. `launcher` starts what they run.
    pub(crate) fn new(launcher: L, clock: Clock) -> Keepers<L> {
        let permits = Arc::new(Semaphore::new(bounds::LOCAL_JOB_PODS));
        let around = Around { launcher, permits, names: Names::default(), clock, told: Told::default() };
        Keepers { around: Arc::new(around), kept: BTreeMap::new(), tasks: TaskTracker::new() }
    }

    /// What is known of all of them.
    pub(crate) fn told(&self) -> &Told {
        &self.around.told
    }

    /// From now on these are served, and no others: Jobs of those that are gone are told to end. Has a line for each that
    /// is no longer what it was, and says how many these are.
    pub(crate) fn set(&mut self, plans: Vec<Plan>) -> usize {
        let before = self.kept.len();
        self.kept.retain(|name, _| {
            let stays = plans.iter().any(|plan| plan.name == *name);
            if !stays {
                info!("{name}: removed");
                self.around.told.forget(name);
            }
            stays
        });
        let mut told = before - self.kept.len();
        for plan in plans.into_iter().map(Arc::new) {
            let Some(kept) = self.kept.get(&plan.name) else {
                info!("{}: served", plan.name);
                told += 1;
                self.start(plan);
                continue;
            };
            if plan.job != kept.borrow().job {
                info!("{}: edited", plan.name);
                told += 1;
            }
            kept.send_replace(plan);
        }
        told
    }

    fn start(&mut self, plan: Arc<Plan>) {
        let ledger = Ledger::default();
        ledger.keep(&plan.job);
        self.around.told.serves(&plan.name, &plan.job, Arc::new(ledger.clone()));
        let (changes, changed) = watch::channel(Arc::clone(&plan));
        self.kept.insert(plan.name.clone(), changes);
        self.tasks.spawn(Keeper::new(Arc::clone(&self.around), plan, ledger).keep(changed));
    }

    /// Tells all Jobs to end, and returns when nothing of them is left.
    pub(crate) async fn stop(&mut self) {
        self.kept.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
