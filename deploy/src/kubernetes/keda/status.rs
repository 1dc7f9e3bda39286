//! What users see of a ScaledObject: `kubectl get scaledobject`, in KEDA's words; and which of it is news.

use kube::core::ApiResource;
use serde_json::{Map, Value, json};

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

const READY: &str = "ScaledObject is defined correctly and is ready for scaling";
const FAILING: &str = "Triggers defined in ScaledObject are not working correctly";
const PARTLY: &str = "Some triggers defined in ScaledObject are not working correctly";
const ACTIVE: &str = "Scaling is performed because triggers are active";
const COOLDOWN: &str = "Scaler cooling down because triggers are not active";
const INACTIVE: &str = "Scaling is not performed because triggers are not active";
const FALLBACK: &str = "At least one trigger is falling back on this scaled object";
const NO_FALLBACK: &str = "No fallbacks are active on this scaled object";
const PAUSED: &str = "ScaledObject is paused";
const UNPAUSED: &str = "pause annotation removed for ScaledObject";

/// The status of one that is served; none before its triggers were read.
pub(super) fn served(before: &Value, facts: &Facts, now: &TriggersNow) -> Option<Value> {
    let ((ready, ready_reason), (active, active_reason)) = (now.ready?, now.active?);
    let ready_message = match ready {
        "True" => READY,
        "Unknown" => PARTLY,
        _ => FAILING,
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
            paused(before, facts.paused.is_some()),
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
pub(super) fn refused(before: &Value, message: &str) -> Value {
    let unknown = |kind: &str| {
        let of_kind = conditions(before).find(|condition| condition["type"] == kind).cloned();
        of_kind.unwrap_or_else(|| json!({ "type": kind, "status": "Unknown" }))
    };
    let ready = condition("Ready", "False", "ScaledObjectCheckFailed", message);
    json!({ "conditions": [ready, unknown("Active"), unknown("Fallback"), unknown("Paused")] })
}

/// Whether `status` says anything that `before` does not.
pub(super) fn differs(status: &Value, before: &Value) -> bool {
    status.as_object().into_iter().flatten().any(|(field, value)| before[field] != *value)
}

/// What is to be told of the way from one status to the next, with what triggers say of their failing.
pub(super) fn news(before: &Value, after: &Value, errors: &str) -> Vec<(Tone, &'static str, String)> {
    let mut news = Vec::new();
    for condition in conditions(after) {
        let kind = condition["type"].as_str().unwrap_or_default();
        let was = conditions(before).find(|condition| condition["type"] == kind);
        let (was, is) = (was.map_or("Unknown", |was| text(was, "status")), text(condition, "status"));
        let message = text(condition, "message");
        let is_same = was == is && (kind != "Ready" || was == "True" || said(before) == said(after));
        let told = match (kind, is) {
            _ if is_same => continue,
            ("Ready", "True") => (Tone::Normal, "ScaledObjectReady", message.to_owned()),
            ("Ready", _) if text(condition, "reason") == "ScaledObjectCheckFailed" => {
                (Tone::Warning, "ScaledObjectCheckFailed", message.to_owned())
            }
            ("Ready", _) => (Tone::Warning, "KEDAScalerFailed", format!("{message}: {errors}")),
            ("Active", "True") => (Tone::Normal, "KEDAScaleTargetActivated", message.to_owned()),
            ("Active", "False") if was == "True" => (Tone::Normal, "KEDAScaleTargetDeactivated", message.to_owned()),
            ("Fallback", "True") => (Tone::Warning, "ScaledObjectFallbackActivated", message.to_owned()),
            ("Fallback", "False") if was == "True" => {
                (Tone::Normal, "ScaledObjectFallbackDeactivated", message.to_owned())
            }
            ("Paused", "True") => (Tone::Normal, "ScaledObjectPaused", message.to_owned()),
            ("Paused", "False") => (Tone::Normal, "ScaledObjectUnpaused", message.to_owned()),
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
fn paused(before: &Value, is_paused: bool) -> Value {
    let was = conditions(before).find(|condition| condition["type"] == "Paused");
    match (is_paused, was.map(|was| text(was, "status"))) {
        (true, _) => condition("Paused", "True", "ScaledObjectPaused", PAUSED),
        (false, Some("True" | "False")) => condition("Paused", "False", "ScaledObjectUnpaused", UNPAUSED),
        (false, _) => json!({ "type": "Paused", "status": "Unknown" }),
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
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
        news(before, after, "redis: no answer").into_iter().map(|(_, reason, _)| reason).collect()
    }

    #[test]
    fn it_is_told_in_kedas_words_and_only_what_changed() {
        assert_eq!(served(&Value::Null, &facts(), &TriggersNow::default()), None, "nothing was read yet");
        let asleep = served(&Value::Null, &facts(), &now(WELL, ASLEEP)).unwrap();
        assert_eq!(
            asleep,
            json!({
                "conditions": [
                    { "type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": READY },
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
        let told = news(&well, &failing, "redis: no answer");
        assert_eq!(told, [(Tone::Warning, "KEDAScalerFailed", format!("{FAILING}: redis: no answer"))]);
        assert_eq!(reasons(&failing, &well), ["ScaledObjectReady"]);
    }

    #[test]
    fn one_that_is_refused_says_why_and_keeps_what_it_had() {
        let well = served(&Value::Null, &facts(), &now(WELL, AWAKE)).unwrap();
        let wrong = refused(&well, "spec.triggers: is missing");
        assert_eq!(wrong["conditions"][1], well["conditions"][1]);
        assert_eq!(reasons(&well, &wrong), ["ScaledObjectCheckFailed"]);
        assert_eq!(reasons(&wrong, &refused(&wrong, "spec.triggers: is missing")), [""; 0]);
        assert_eq!(reasons(&wrong, &refused(&wrong, "something else")), ["ScaledObjectCheckFailed"]);
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
