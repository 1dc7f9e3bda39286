//! What users see of a ScaledObject or ScaledJob: `kubectl get`, in KEDA's words; and which of it is news.

use config::keda::Trigger;
use kube::core::ApiResource;
use serde_json::{Map, Value, json};

use super::words::{SCALED_OBJECT, Words};
use crate::kubernetes::told::Tone;
use crate::triggers::TriggersNow;

/// What a status is made from beside what there is to tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    /// What it scales.
    pub(super) kind: ApiResource,
    /// How many replicas that had when it was first served.
    pub(super) original: Option<u32>,
    /// What KEDA calls the metrics of its triggers.
    pub(super) metrics: Vec<String>,
    /// The types of its triggers, in order.
    pub(super) triggers: Vec<String>,
    /// The TriggerAuthentications that they name.
    pub(super) authentications: Vec<String>,
    /// Whether an annotation pauses it, and at how many replicas.
    pub(super) paused: Option<Option<u32>>,
}

/// Why `Ready` is not true where triggers fail, and where Jobs cannot be created.
pub(super) const FAILING: [&str; 2] = ["TriggerError", "PartialTriggerError"];
pub(super) const NOT_CREATED: &str = "KEDAJobCreateFailed";

pub(super) const ACTIVE: &str = "Scaling is performed because triggers are active";
const COOLDOWN: &str = "Scaler cooling down because triggers are not active";
pub(super) const INACTIVE: &str = "Scaling is not performed because triggers are not active";
const FALLBACK: &str = "At least one trigger is falling back on this scaled object";
const NO_FALLBACK: &str = "No fallbacks are active on this scaled object";

/// The TriggerAuthentications that `triggers` name, each once.
pub(super) fn authentications(triggers: &[Trigger]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for named in triggers.iter().filter_map(|trigger| trigger.authentication.as_ref()) {
        if !all.contains(&named.name) {
            all.push(named.name.clone());
        }
    }
    all
}

/// The status of a ScaledObject that is served; none before its triggers were read.
pub(super) fn served(before: &Value, facts: &Facts, now: &TriggersNow) -> Option<Value> {
    let words = &SCALED_OBJECT;
    let ((ready, ready_reason), (active, active_reason)) = (now.ready?, now.active?);
    let ready_message = match ready {
        "True" => words.ready,
        "Unknown" => words.partly,
        _ => words.failing,
    };
    let active_message = match active_reason {
        "ScalerActive" => ACTIVE,
        "ScalerCooldown" => COOLDOWN,
        _ => INACTIVE,
    };
    let fallback = match now.fallback {
        true => condition("Fallback", "True", "FallbackExists", FALLBACK),
        false => condition("Fallback", "False", "NoFallbackFound", NO_FALLBACK),
    };
    let ApiResource { group, version, kind, plural, api_version } = &facts.kind;
    let mut status = json!({
        "conditions": [
            condition("Ready", ready, ready_reason, ready_message),
            condition("Active", active, active_reason, active_message),
            fallback,
            paused(words, before, facts.paused.is_some()),
        ],
        "scaleTargetKind": format!("{api_version}.{kind}"),
        "scaleTargetGVKR": { "group": group, "version": version, "kind": kind, "resource": plural },
        "externalMetricNames": facts.metrics,
        "triggersTypes": facts.triggers.join(","),
        "authenticationsTypes": facts.authentications.join(","),
        "pausedReplicaCount": facts.paused.flatten(),
    });
    if let Some(original) = facts.original {
        status["originalReplicaCount"] = original.into();
    }
    Some(status)
}

/// The status of one that cannot be served as it is now: what it was before goes on.
pub(super) fn refused(words: &Words, before: &Value, message: &str) -> Value {
    let ready = condition("Ready", "False", words.refused_reason, message);
    let others = words.others.iter().map(|kind| kept(before, kind));
    json!({ "conditions": std::iter::once(ready).chain(others).collect::<Vec<_>>() })
}

/// The condition as it was; one that never was is not known.
pub(super) fn kept(before: &Value, kind: &str) -> Value {
    let was = conditions(before).find(|condition| condition["type"] == kind).cloned();
    was.unwrap_or_else(|| json!({ "type": kind, "status": "Unknown" }))
}

/// Whether `status` says anything that `before` does not.
pub(super) fn differs(status: &Value, before: &Value) -> bool {
    status.as_object().into_iter().flatten().any(|(field, value)| before[field] != *value)
}

/// What is to be told of the way from one status to the next, with what triggers say of their failing.
pub(super) fn news(words: &Words, before: &Value, after: &Value, errors: &str) -> Vec<(Tone, &'static str, String)> {
    let mut news = Vec::new();
    for condition in conditions(after) {
        let kind = condition["type"].as_str().unwrap_or_default();
        let was = conditions(before).find(|condition| condition["type"] == kind);
        let (was, is) = (was.map_or("Unknown", |was| text(was, "status")), text(condition, "status"));
        let message = text(condition, "message");
        let is_same = was == is && (kind != "Ready" || was == "True" || said(before) == said(after));
        let told = match (kind, is) {
            _ if is_same => continue,
            ("Ready", "True") => (Tone::Normal, words.ready_reason, message.to_owned()),
            ("Ready", _) => match text(condition, "reason") {
                reason if FAILING.contains(&reason) => {
                    (Tone::Warning, "KEDAScalerFailed", format!("{message}: {errors}"))
                }
                NOT_CREATED => (Tone::Warning, NOT_CREATED, message.to_owned()),
                _ => (Tone::Warning, words.refused_reason, message.to_owned()),
            },
            ("Active", "True") => (Tone::Normal, words.activated, message.to_owned()),
            ("Active", "False") if was == "True" => (Tone::Normal, words.deactivated, message.to_owned()),
            ("Fallback", "True") => (Tone::Warning, "ScaledObjectFallbackActivated", message.to_owned()),
            ("Fallback", "False") if was == "True" => {
                (Tone::Normal, "ScaledObjectFallbackDeactivated", message.to_owned())
            }
            ("Paused", "True") => (Tone::Normal, words.paused_reason, message.to_owned()),
            ("Paused", "False") => (Tone::Normal, words.unpaused_reason, message.to_owned()),
            _ => continue,
        };
        news.push(told);
    }
    news
}

/// What the `Ready` condition says.
fn said(status: &Value) -> (&str, &str) {
    let ready = conditions(status).find(|condition| condition["type"] == "Ready");
    ready.map_or(("", ""), |ready| (text(ready, "reason"), text(ready, "message")))
}

/// One that never was paused is not known to be unpaused, as in KEDA.
pub(super) fn paused(words: &Words, before: &Value, is_paused: bool) -> Value {
    let was = conditions(before).find(|condition| condition["type"] == "Paused");
    match (is_paused, was.map(|was| text(was, "status"))) {
        (true, _) => condition("Paused", "True", words.paused_reason, words.paused),
        (false, Some("True" | "False")) => condition("Paused", "False", words.unpaused_reason, words.unpaused),
        (false, _) => json!({ "type": "Paused", "status": "Unknown" }),
    }
}

pub(super) fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let fields = [("type", kind), ("status", status), ("reason", reason), ("message", message)];
    Value::Object(fields.map(|(field, text)| (field.to_owned(), Value::from(text))).into_iter().collect::<Map<_, _>>())
}

fn conditions(status: &Value) -> impl Iterator<Item = &Value> {
    status["conditions"].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let (group, version, api_version) = ("apps".to_owned(), "v1".to_owned(), "apps/v1".to_owned());
        let (kind, plural) = ("Deployment".to_owned(), "deployments".to_owned());
        Facts {
            kind: ApiResource { group, version, api_version, kind, plural },
            original: Some(2),
            metrics: vec!["s0-redis-jobs".to_owned()],
            triggers: vec!["redis".to_owned()],
            authentications: vec!["redis".to_owned()],
            paused: None,
        }
    }

    fn now(ready: (&'static str, &'static str), active: (&'static str, &'static str)) -> TriggersNow {
        TriggersNow { ready: Some(ready), active: Some(active), ..TriggersNow::default() }
    }

    const WELL: (&str, &str) = ("True", "ScaledObjectReady");
    const ASLEEP: (&str, &str) = ("False", "ScalerNotActive");
    const AWAKE: (&str, &str) = ("True", "ScalerActive");

    fn reasons(before: &Value, after: &Value) -> Vec<&'static str> {
        news(&SCALED_OBJECT, before, after, "redis: no answer").into_iter().map(|(_, reason, _)| reason).collect()
    }

    #[test]
    fn it_is_told_in_kedas_words_and_only_what_changed() {
        assert_eq!(served(&Value::Null, &facts(), &TriggersNow::default()), None, "nothing was read yet");
        let asleep = served(&Value::Null, &facts(), &now(WELL, ASLEEP)).unwrap();
        assert_eq!(
            asleep,
            json!({
                "conditions": [
                    { "type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": SCALED_OBJECT.ready },
                    { "type": "Active", "status": "False", "reason": "ScalerNotActive", "message": INACTIVE },
                    { "type": "Fallback", "status": "False", "reason": "NoFallbackFound", "message": NO_FALLBACK },
                    { "type": "Paused", "status": "Unknown" },
                ],
                "scaleTargetKind": "apps/v1.Deployment",
                "scaleTargetGVKR": {
                    "group": "apps", "version": "v1", "kind": "Deployment", "resource": "deployments",
                },
                "externalMetricNames": ["s0-redis-jobs"], "originalReplicaCount": 2, "triggersTypes": "redis",
                "authenticationsTypes": "redis", "pausedReplicaCount": null,
            })
        );
        assert_eq!(reasons(&Value::Null, &asleep), ["ScaledObjectReady"]);
        let again = served(&asleep, &facts(), &now(WELL, ASLEEP)).unwrap();
        assert!(!differs(&again, &asleep));
        let awake = served(&asleep, &facts(), &now(WELL, AWAKE)).unwrap();
        assert!(differs(&awake, &asleep));
        assert_eq!(reasons(&asleep, &awake), ["KEDAScaleTargetActivated"]);
        assert_eq!(reasons(&awake, &asleep), ["KEDAScaleTargetDeactivated"]);
    }

    #[test]
    fn a_failure_is_told_with_its_cause_and_its_end() {
        let well = served(&Value::Null, &facts(), &now(WELL, ASLEEP)).unwrap();
        let failing = served(&well, &facts(), &now(("False", "TriggerError"), ASLEEP)).unwrap();
        let told = news(&SCALED_OBJECT, &well, &failing, "redis: no answer");
        assert_eq!(told, [(Tone::Warning, "KEDAScalerFailed", format!("{}: redis: no answer", SCALED_OBJECT.failing))]);
        assert_eq!(reasons(&failing, &well), ["ScaledObjectReady"]);
    }

    #[test]
    fn one_that_is_refused_says_why_and_keeps_what_it_had() {
        let well = served(&Value::Null, &facts(), &now(WELL, AWAKE)).unwrap();
        let wrong = refused(&SCALED_OBJECT, &well, "spec.triggers: is missing");
        assert_eq!(wrong["conditions"][1], well["conditions"][1]);
        assert_eq!(reasons(&well, &wrong), ["ScaledObjectCheckFailed"]);
        assert_eq!(reasons(&wrong, &refused(&SCALED_OBJECT, &wrong, "spec.triggers: is missing")), [""; 0]);
        assert_eq!(reasons(&wrong, &refused(&SCALED_OBJECT, &wrong, "something else")), ["ScaledObjectCheckFailed"]);
    }

    #[test]
    fn a_pause_and_its_end_are_told() {
        let well = served(&Value::Null, &facts(), &now(WELL, ASLEEP)).unwrap();
        let paused = Facts { paused: Some(Some(3)), ..facts() };
        let paused = served(&well, &paused, &now(WELL, ASLEEP)).unwrap();
        assert_eq!((&paused["pausedReplicaCount"], reasons(&well, &paused)), (&json!(3), vec!["ScaledObjectPaused"]));
        let again = served(&paused, &facts(), &now(WELL, ASLEEP)).unwrap();
        assert_eq!(reasons(&paused, &again), ["ScaledObjectUnpaused"]);
    }
}
