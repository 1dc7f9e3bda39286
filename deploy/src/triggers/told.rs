//! What is known of triggers, for those who ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::object::Verdict;
use config::{Reason, WorkloadId};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;

use super::plan::Plan;

/// What each workload's triggers said last. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    all: BTreeMap<WorkloadId, Object>,
    /// Those that are news.
    news: BTreeSet<WorkloadId>,
}

#[derive(Debug, Default)]
struct Object {
    now: TriggersNow,
    /// Of its triggers that were read: the labels of their metrics, and how often they could not be.
    labels: Arc<[String]>,
    errors: Vec<u64>,
}

/// What one workload's triggers said last, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TriggersNow {
    /// The object that declares them: `ScaledObject default/worker`.
    pub object: String,
    /// What each read last.
    pub triggers: Vec<TriggerNow>,
    /// How often all were read and it was decided.
    pub rounds: u64,
    /// How many pods they ask for; none before they were read.
    pub desired: Option<u32>,
    /// The `Ready` condition, as KEDA words it: status and reason.
    pub ready: Option<(&'static str, &'static str)>,
    /// The `Active` condition, as KEDA words it: status and reason.
    pub active: Option<(&'static str, &'static str)>,
    /// Whether a fallback stands in for one.
    pub fallback: bool,
    /// The steps that led there.
    pub reasons: Vec<Reason>,
}

/// One trigger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriggerNow {
    /// Its name, or its kind.
    pub name: String,
    /// What was read; none where there is no data, or no answer.
    pub value: Option<f64>,
    /// Whether that is enough to leave zero.
    pub active: bool,
    /// What went wrong.
    pub error: Option<String>,
}

/// One trigger, as KEDA's metrics have it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScalerNow {
    /// Its labels, as they are written between the braces.
    pub(crate) labels: String,
    /// What was read last, if anything.
    pub(crate) value: Option<f64>,
    /// Whether that is enough to leave zero.
    pub(crate) active: bool,
    /// How often it could not be read.
    pub(crate) errors: u64,
}

impl Told {
    /// What is known of a workload's triggers.
    pub fn of(&self, id: &WorkloadId) -> Option<TriggersNow> {
        self.0.known.lock().all.get(id).map(|object| object.now.clone())
    }

    /// All triggers that were read.
    pub(crate) fn scalers(&self) -> Vec<ScalerNow> {
        self.0.known.lock().all.values().flat_map(Object::scalers).collect()
    }

    /// Waits until there is another condition or error to tell of somebody, and says of whom: not of each number. For one
    /// caller; cancel-safe.
    pub async fn news(&self) -> BTreeSet<WorkloadId> {
        loop {
            let news = std::mem::take(&mut self.0.known.lock().news);
            if !news.is_empty() {
                return news;
            }
            self.0.changed.notified().await;
        }
    }

    /// It was decided about `plan`, by new `readings` or without any.
    pub(super) fn decided(&self, plan: &Plan, readings: Option<&[Reading]>, verdict: Verdict) {
        let mut known = self.0.known.lock();
        if !known.all.contains_key(&plan.workload) {
            known.all.insert(plan.workload.clone(), Object::default());
        }
        let Some(object) = known.all.get_mut(&plan.workload) else { return };
        let before = object.now.shown();
        if let Some(readings) = readings {
            object.read(plan, readings);
        }
        let now = &mut object.now;
        now.object.clone_from(&plan.name);
        now.desired = Some(verdict.desired);
        now.ready = Some(verdict.ready.condition());
        now.active = Some(verdict.active.condition());
        now.fallback = verdict.fallback;
        now.reasons = verdict.reasons;
        if before != now.shown() {
            known.news.insert(plan.workload.clone());
            drop(known);
            self.0.changed.notify_one();
        }
    }

    pub(super) fn forget(&self, id: &WorkloadId) {
        let mut known = self.0.known.lock();
        known.all.remove(id);
        known.news.remove(id);
    }
}

impl Object {
    fn read(&mut self, plan: &Plan, readings: &[Reading]) {
        let triggers = plan.rules.triggers.iter().zip(readings);
        self.now.triggers = triggers.map(|(trigger, reading)| TriggerNow::new(&trigger.name, reading)).collect();
        self.now.rounds += 1;
        if self.labels != plan.labels {
            self.labels = Arc::clone(&plan.labels);
            self.errors = vec![0; self.labels.len()];
        }
        for (errors, reading) in self.errors.iter_mut().zip(readings) {
            *errors += u64::from(matches!(reading, Reading::Failed(_)));
        }
    }

    fn scalers(&self) -> impl Iterator<Item = ScalerNow> {
        let triggers = self.labels.iter().zip(&self.now.triggers).zip(&self.errors);
        triggers.map(|((labels, trigger), errors)| ScalerNow {
            labels: labels.clone(),
            value: trigger.value,
            active: trigger.active,
            errors: *errors,
        })
    }
}

/// A condition, as KEDA words it: status and reason.
type Condition = Option<(&'static str, &'static str)>;

impl TriggersNow {
    /// What people are told when it changes.
    fn shown(&self) -> (Condition, Condition, bool, Vec<Option<String>>) {
        let errors = self.triggers.iter().map(|trigger| trigger.error.clone());
        (self.ready, self.active, self.fallback, errors.collect())
    }
}

impl TriggerNow {
    pub(crate) fn new(name: &str, reading: &Reading) -> TriggerNow {
        let (value, active, error) = match reading {
            Reading::Value { metric, active } => (Some(*metric), *active, None),
            Reading::NoData => (None, false, None),
            Reading::Failed(what) => (None, false, Some(what.clone())),
        };
        TriggerNow { name: name.to_owned(), value, active, error }
    }
}
