//! What users see of a ScaledJob: `kubectl get scaledjob`, in KEDA's words.

use serde_json::{Value, json};

use crate::kubernetes::keda::status::{ACTIVE, FAILING, INACTIVE, NOT_CREATED, condition, kept, paused};
use crate::kubernetes::keda::words::SCALED_JOB;

/// What is known of a ScaledJob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The types of its triggers, in order.
    pub(super) triggers: Vec<String>,
    /// The TriggerAuthentications that they name.
    pub(super) authentications: Vec<String>,
    /// Whether an annotation pauses it.
    pub(super) paused: bool,
    /// Whether its triggers ask for Jobs; none before they were read.
    pub(super) active: Option<bool>,
    /// What its triggers that cannot be read say.
    pub(super) errors: Vec<String>,
    /// Why a Job could not be created.
    pub(super) refusal: Option<String>,
}

/// The status of a ScaledJob that is served; none before its triggers were read, unless it is paused.
pub(super) fn status(before: &Value, facts: &Facts) -> Option<Value> {
    let words = &SCALED_JOB;
    if facts.active.is_none() && !facts.paused {
        return None;
    }
    let ready = match (&facts.refusal, facts.errors.len()) {
        (Some(why), _) => condition("Ready", "False", NOT_CREATED, why),
        (None, 0) => condition("Ready", "True", words.ready_reason, words.ready),
        (None, _) if facts.active == Some(true) => condition("Ready", "Unknown", FAILING[1], words.partly),
        (None, _) => condition("Ready", "False", FAILING[0], words.failing),
    };
    let active = match facts.active {
        Some(true) => condition("Active", "True", "ScalerActive", ACTIVE),
        Some(false) => condition("Active", "False", "ScalerNotActive", INACTIVE),
        None => kept(before, "Active"),
    };
    Some(json!({
        "conditions": [ready, active, paused(words, before, facts.paused)],
        "triggersTypes": facts.triggers.join(","),
        "authenticationsTypes": facts.authentications.join(","),
    }))
}
