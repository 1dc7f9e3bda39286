//! What is known of triggers, for those who ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::object::Verdict;
use config::{Reason, WorkloadId};
use parking_lot::Mutex;
use serde::Serialize;

use super::plan::Plan;

/// What each workload's triggers said last. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<BTreeMap<WorkloadId, TriggersNow>>>);

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

impl Told {
    /// What is known of a workload's triggers.
    pub fn of(&self, id: &WorkloadId) -> Option<TriggersNow> {
        self.0.lock().get(id).cloned()
    }

    /// It was decided about `plan`, by new `readings` or without any.
    pub(super) fn decided(&self, plan: &Plan, readings: Option<&[Reading]>, verdict: Verdict) {
        let mut all = self.0.lock();
        if !all.contains_key(&plan.workload) {
            all.insert(plan.workload.clone(), TriggersNow::default());
        }
        let Some(now) = all.get_mut(&plan.workload) else { return };
        if let Some(readings) = readings {
            let triggers = plan.rules.triggers.iter().zip(readings);
            now.triggers = triggers.map(|(trigger, reading)| TriggerNow::new(&trigger.name, reading)).collect();
            now.rounds += 1;
        }
        now.object.clone_from(&plan.name);
        now.desired = Some(verdict.desired);
        now.ready = Some(verdict.ready.condition());
        now.active = Some(verdict.active.condition());
        now.fallback = verdict.fallback;
        now.reasons = verdict.reasons;
    }

    pub(super) fn forget(&self, id: &WorkloadId) {
        self.0.lock().remove(id);
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
