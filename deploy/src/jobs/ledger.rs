//! The Jobs of one ScaledJob of this machine, for those who ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use autoscaler::triggers::jobs::{Ended, surplus};
use config::keda::ScaledJob;
use config::{Time, bounds};
use parking_lot::Mutex;

use super::job::Outcome;
use super::table;
use super::told::{JobNow, Lists};

/// Those that there are, and those that are remembered. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// How many that ended well, and that failed, are remembered.
    keeps: (u32, u32),
    there: BTreeMap<String, There>,
    /// In the order in which they ended.
    ended: Vec<Past>,
}

#[derive(Debug)]
struct There {
    began: Time,
    busy: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Past {
    name: String,
    began: Time,
    at: Time,
    /// Why it failed.
    failure: Option<String>,
}

impl Ledger {
    /// As many are remembered from now on as `job` says.
    pub(super) fn keep(&self, job: &ScaledJob) {
        let kept = |limit: u32| limit.min(bounds::LOCAL_JOBS_KEPT);
        let inner = &mut *self.0.lock();
        inner.keeps = (kept(job.successful_kept), kept(job.failed_kept));
        inner.forget_surplus();
    }

    pub(super) fn began(&self, name: &str, now: Time, busy: Arc<AtomicBool>) {
        self.0.lock().there.insert(name.to_owned(), There { began: now, busy });
    }

    /// What was deleted is not remembered.
    pub(super) fn deleted(&self, names: &[String]) {
        let inner = &mut *self.0.lock();
        names.iter().for_each(|name| drop(inner.there.remove(name)));
    }

    pub(super) fn ended(&self, job: &table::Ended, now: Time) {
        let inner = &mut *self.0.lock();
        inner.there.remove(&job.name);
        let failure = match &job.outcome {
            Outcome::Complete => None,
            Outcome::Failed(why) => Some(why.clone()),
            Outcome::Deleted => return,
        };
        inner.ended.push(Past { name: job.name.clone(), began: job.began, at: now, failure });
        inner.forget_surplus();
    }
}

impl Inner {
    fn forget_surplus(&mut self) {
        let ended = self.ended.iter().enumerate();
        let ended: Vec<_> =
            ended.map(|(n, past)| Ended { name: n, at: past.at, failed: past.failure.is_some() }).collect();
        let mut surplus = surplus(&ended, self.keeps.0, self.keeps.1);
        surplus.sort_unstable();
        for n in surplus.into_iter().rev() {
            self.ended.remove(n);
        }
    }
}

impl Lists for Ledger {
    fn jobs(&self, now: Time) -> Vec<JobNow> {
        let inner = self.0.lock();
        let there = inner.there.iter().map(|(name, there)| JobNow {
            name: name.clone(),
            state: if there.busy.load(Relaxed) { "running" } else { "pending" },
            seconds: now.since(there.began).as_secs_f64(),
            failure: None,
        });
        let ended = inner.ended.iter().map(|past| JobNow {
            name: past.name.clone(),
            state: if past.failure.is_some() { "failed" } else { "complete" },
            seconds: past.at.since(past.began).as_secs_f64(),
            failure: past.failure.clone(),
        });
        there.chain(ended).collect()
    }
}
