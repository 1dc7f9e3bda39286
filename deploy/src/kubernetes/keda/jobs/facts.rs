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

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(facts: &Facts) -> [String; 2] {
        let status = status(&Value::Null, facts).expect("there is something to tell");
        [0, 1].map(|n| {
            let condition = &status["conditions"][n];
            format!("{} {}", condition["status"], condition["reason"]).replace('"', "")
        })
    }

    #[test]
    fn it_is_told_in_kedas_words_what_is_wrong_the_worst_first() {
        let read = Facts { active: Some(false), ..Facts::default() };
        assert_eq!(status(&Value::Null, &Facts::default()), None, "nothing was read yet");
        assert_eq!(reasons(&read), ["True ScaledJobReady", "False ScalerNotActive"]);
        let fails = Facts { errors: vec!["redis: no answer".to_owned()], ..read };
        assert_eq!(reasons(&fails), ["False TriggerError", "False ScalerNotActive"]);
        let partly = Facts { active: Some(true), ..fails };
        assert_eq!(reasons(&partly), ["Unknown PartialTriggerError", "True ScalerActive"]);
        let refused = Facts { refusal: Some("exceeded quota".to_owned()), ..partly };
        assert_eq!(reasons(&refused)[0], "False KEDAJobCreateFailed");
    }

    #[test]
    fn one_that_is_paused_keeps_what_was_so_before() {
        let active = Facts { active: Some(true), ..Facts::default() };
        let before = status(&Value::Null, &active).expect("it was read");
        let paused = Facts { paused: true, ..Facts::default() };
        let after = status(&before, &paused).expect("it is paused");
        assert_eq!(after["conditions"][1], before["conditions"][1]);
        assert_eq!(after["conditions"][2]["status"], "True");
    }
}
