//! What is known of ScaledJobs and their Jobs, for those who ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use autoscaler::triggers::Reading;
use autoscaler::triggers::jobs::{Ended, surplus};
use config::{Time, bounds};
use parking_lot::Mutex;
use serde::Serialize;

use super::job::Outcome;
use super::plan::Plan;
use super::table;
use crate::triggers::TriggerNow;

/// What is known of each ScaledJob, by its name for people. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<BTreeMap<String, Known>>>);

#[derive(Debug, Default)]
struct Known {
    paused: bool,
    triggers: Vec<TriggerNow>,
    active: bool,
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

/// One ScaledJob as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct JobsNow {
    /// `ScaledJob default/worker`.
    pub(super) object: String,
    /// Whether its annotation says that no Jobs begin.
    pub(super) paused: bool,
    /// What each trigger read last.
    pub(super) triggers: Vec<TriggerNow>,
    /// Whether that asks for any Job.
    pub(super) active: bool,
    /// Its Jobs: those that have not ended, then those that are remembered, in the order in which they ended.
    pub(super) jobs: Vec<JobNow>,
}

/// One Job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct JobNow {
    pub(super) name: String,
    /// `pending`, `running`, `complete` or `failed`.
    pub(super) state: &'static str,
    /// How long it has taken so far, or took.
    pub(super) seconds: f64,
    /// Why it failed.
    pub(super) failure: Option<String>,
}

impl Told {
    /// All ScaledJobs, by their names.
    pub(crate) fn all(&self, now: Time) -> Vec<JobsNow> {
        self.0.lock().iter().map(|(object, known)| known.told(object, now)).collect()
    }

    /// This one is served from now on, as it is there.
    pub(super) fn serves(&self, plan: &Plan) {
        let mut all = self.0.lock();
        let known = all.entry(plan.name.clone()).or_default();
        known.paused = plan.job.paused;
        let kept = |limit: u32| limit.min(bounds::LOCAL_JOBS_KEPT);
        known.keeps = (kept(plan.job.successful_kept), kept(plan.job.failed_kept));
        known.forget_surplus();
    }

    pub(super) fn read(&self, plan: &Plan, readings: &[Reading], active: bool) {
        self.of(&plan.name, |known| {
            let triggers = plan.triggers.iter().zip(readings);
            known.triggers = triggers.map(|(opened, reading)| TriggerNow::new(opened.title(), reading)).collect();
            known.active = active;
        });
    }

    pub(super) fn began(&self, object: &str, name: &str, now: Time, busy: Arc<AtomicBool>) {
        self.of(object, |known| drop(known.there.insert(name.to_owned(), There { began: now, busy })));
    }

    /// What was deleted is not remembered.
    pub(super) fn deleted(&self, object: &str, names: &[String]) {
        self.of(object, |known| names.iter().for_each(|name| drop(known.there.remove(name))));
    }

    pub(super) fn ended(&self, object: &str, job: &table::Ended, now: Time) {
        self.of(object, |known| {
            known.there.remove(&job.name);
            let failure = match &job.outcome {
                Outcome::Complete => None,
                Outcome::Failed(why) => Some(why.clone()),
                Outcome::Deleted => return,
            };
            known.ended.push(Past { name: job.name.clone(), began: job.began, at: now, failure });
            known.forget_surplus();
        });
    }

    pub(super) fn forget(&self, object: &str) {
        self.0.lock().remove(object);
    }

    /// Nothing is said of one that was forgotten.
    fn of(&self, object: &str, say: impl FnOnce(&mut Known)) {
        if let Some(known) = self.0.lock().get_mut(object) {
            say(known);
        }
    }
}

impl Known {
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

    fn told(&self, object: &str, now: Time) -> JobsNow {
        let there = self.there.iter().map(|(name, there)| JobNow {
            name: name.clone(),
            state: if there.busy.load(Relaxed) { "running" } else { "pending" },
            seconds: now.since(there.began).as_secs_f64(),
            failure: None,
        });
        let ended = self.ended.iter().map(|past| JobNow {
            name: past.name.clone(),
            state: if past.failure.is_some() { "failed" } else { "complete" },
            seconds: past.at.since(past.began).as_secs_f64(),
            failure: past.failure.clone(),
        });
        JobsNow {
            object: object.to_owned(),
            paused: self.paused,
            triggers: self.triggers.clone(),
            active: self.active,
            jobs: there.chain(ended).collect(),
        }
    }
}
