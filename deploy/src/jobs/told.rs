//! What is known of ScaledJobs, wherever their Jobs run, for those who ask.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use autoscaler::triggers::Reading;
use config::Time;
use config::keda::ScaledJob;
use parking_lot::Mutex;
use serde::Serialize;

use super::decided::{Decided, word};
use crate::exposition::keda::JobErrors;
use crate::triggers::{Opened, ScalerNow, TriggerNow};

/// What is known of each ScaledJob, by its name for people. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<BTreeMap<String, Known>>>);

/// Who knows the Jobs of one ScaledJob.
pub(crate) trait Lists: Debug + Send + Sync {
    /// Those that have not ended, then those that are remembered, in the order in which they ended.
    fn jobs(&self, now: Time) -> Vec<JobNow>;
}

#[derive(Debug)]
struct Known {
    namespace: String,
    name: String,
    /// All but its Jobs.
    now: JobsNow,
    /// Its triggers, as metrics have them.
    scalers: Vec<ScalerNow>,
    /// How often any of its triggers could not be read.
    errors: u64,
    jobs: Arc<dyn Lists>,
}

/// One ScaledJob as it is now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobsNow {
    /// `ScaledJob default/worker`.
    pub object: String,
    /// Whether its annotation says that no Jobs begin.
    pub paused: bool,
    /// Its `scalingStrategy`: `default`, `custom`, `accurate` or `eager`.
    pub strategy: &'static str,
    /// What each trigger read last.
    pub triggers: Vec<TriggerNow>,
    /// Whether that asks for any Job.
    pub active: bool,
    /// What came of it; none before they were read.
    pub decided: Option<Decided>,
    /// Its Jobs: those that have not ended, then those that are remembered, in the order in which they ended.
    pub jobs: Vec<JobNow>,
}

/// One Job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobNow {
    /// Its name.
    pub name: String,
    /// `pending`, `running`, `complete` or `failed`.
    pub state: &'static str,
    /// How long it has taken so far, or took.
    pub seconds: f64,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Told {
    /// All ScaledJobs, by their names.
    pub fn all(&self, now: Time) -> Vec<JobsNow> {
        let all: Vec<_> = self.0.lock().values().map(|known| (known.now.clone(), Arc::clone(&known.jobs))).collect();
        all.into_iter().map(|(told, jobs)| JobsNow { jobs: jobs.jobs(now), ..told }).collect()
    }

    /// All triggers that were read.
    pub(crate) fn scalers(&self) -> Vec<ScalerNow> {
        self.0.lock().values().flat_map(|known| known.scalers.iter().cloned()).collect()
    }

    /// How often triggers could not be read, of each ScaledJob.
    pub(crate) fn errors(&self) -> Vec<JobErrors> {
        let all = self.0.lock();
        let errors = all.values().map(|known| JobErrors {
            namespace: known.namespace.clone(),
            name: known.name.clone(),
            errors: known.errors,
        });
        errors.collect()
    }

    /// The ScaledJob that people call `object` is served from now on, as `job` says; `jobs` knows its Jobs. What its
    /// triggers said before stays until they are read again.
    pub(crate) fn serves(&self, object: &str, job: &ScaledJob, jobs: Arc<dyn Lists>) {
        let mut all = self.0.lock();
        let known = all.entry(object.to_owned()).or_insert_with(|| Known::new(object, job, Arc::clone(&jobs)));
        known.jobs = jobs;
        known.edited(job);
    }

    /// It is another now.
    pub(crate) fn edited(&self, object: &str, job: &ScaledJob) {
        self.of(object, |known| known.edited(job));
    }

    /// Its `triggers` were read, and say so; `active` is whether they ask for any Job, and `decided` what came of it.
    pub(crate) fn decided(
        &self,
        object: &str,
        triggers: &[Opened],
        readings: &[Reading],
        active: bool,
        decided: Decided,
    ) {
        self.of(object, |known| {
            known.read(triggers, readings);
            known.now.active = active;
            known.now.decided = Some(decided);
        });
    }

    pub(crate) fn forget(&self, object: &str) {
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
    fn new(object: &str, job: &ScaledJob, jobs: Arc<dyn Lists>) -> Known {
        let now = JobsNow { object: object.to_owned(), ..JobsNow::default() };
        Known { namespace: job.namespace.clone(), name: job.name.clone(), now, scalers: Vec::new(), errors: 0, jobs }
    }

    /// How often a trigger could not be read is counted for as long as it is the same.
    fn read(&mut self, triggers: &[Opened], readings: &[Reading]) {
        let before = std::mem::take(&mut self.scalers);
        let each = triggers.iter().zip(readings);
        self.now.triggers = each.map(|(opened, reading)| TriggerNow::new(opened.title(), reading)).collect();
        let each = triggers.iter().zip(&self.now.triggers).map(|(opened, now)| {
            let errors = before.iter().find(|scaler| scaler.labels == opened.labels).map_or(0, |same| same.errors);
            let errors = errors + u64::from(now.error.is_some());
            ScalerNow { labels: opened.labels.clone(), value: now.value, active: now.active, errors }
        });
        self.scalers = each.collect();
        self.errors += self.now.triggers.iter().filter(|now| now.error.is_some()).count() as u64;
    }

    fn edited(&mut self, job: &ScaledJob) {
        self.now.paused = job.paused;
        self.now.strategy = word(job.scaling.strategy);
    }
}
