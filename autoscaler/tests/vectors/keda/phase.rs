//! Activation, idling, cooldowns.

use std::collections::BTreeMap;
use std::time::Duration;

use autoscaler::triggers::phase::{Phase, Scene, Trouble, Waits, standing};
use config::Time;
use config::keda::{Replicas, ScaledObject, Switches};
use serde::Deserialize;
use serde_json::json;

use super::Outcome;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestIn {
    min: Option<u32>,
    max: Option<u32>,
    idle: Option<u32>,
    current: u32,
    active: bool,
    error: bool,
    fallback_replicas: Option<u32>,
    last_active_ago_s: Option<u64>,
    created_ago_s: u64,
    cooldown: Option<u64>,
    initial_cooldown: Option<u64>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestOut {
    set_replicas: Option<u32>,
    ready: String,
    active: String,
    last_active_updated: bool,
}

impl RequestIn {
    /// A fallback of no pods stands in at once in KEDA's loop; here once it has failed for long enough, as any other.
    /// From then on nothing is wrong any more.
    fn trouble(&self) -> Trouble {
        match self.fallback_replicas {
            _ if !self.error => Trouble::None,
            None => Trouble::Failing,
            Some(0) => Trouble::None,
            Some(_) => Trouble::Covered,
        }
    }

    fn switches(&self) -> Switches {
        let is_on = |name| self.annotations.get(name).is_some_and(|value| value == "true");
        Switches {
            paused_in: is_on("pause-in"),
            paused_out: is_on("pause-out"),
            force_activation: is_on("force"),
            ..Switches::default()
        }
    }
}

const NOW: Duration = Duration::from_secs(1_000_000);

pub(super) fn request(vector: &RequestIn, out: &RequestOut) -> Outcome {
    let now = Time::ZERO + NOW;
    let ago = |seconds| now - Duration::from_secs(seconds);
    let seconds = |given: Option<u64>, default| Duration::from_secs(given.unwrap_or(default));
    let scene = Scene {
        replicas: Replicas { idle: vector.idle, min: vector.min.unwrap_or(0), max: vector.max.unwrap_or(100) },
        current: vector.current,
        active: vector.active,
        backlog: false,
        trouble: vector.trouble(),
        waits: Waits { cooldown: seconds(vector.cooldown, 300), initial: seconds(vector.initial_cooldown, 0) },
        created: ago(vector.created_ago_s),
        last_active: vector.last_active_ago_s.map(ago),
        switches: vector.switches(),
    };
    let standing = standing(&scene, now);
    let set = match standing.phase {
        Phase::Wake(pods) | Phase::Sleep(pods) | Phase::Raise(pods) => Some(pods),
        Phase::Awake | Phase::Held(_) | Phase::Cooling(_) | Phase::Asleep => None,
    };
    let condition = |(status, reason): (&str, &str)| format!("{status}/{reason}");
    assert_eq!(set, out.set_replicas, "{standing:?}");
    assert_eq!(condition(standing.ready.condition()), out.ready);
    assert_eq!(condition(standing.active.condition()), out.active);
    if vector.active && vector.error && !out.last_active_updated {
        assert!(standing.refreshes);
        return Outcome::Differs("activity-counts");
    }
    assert_eq!(standing.refreshes, out.last_active_updated);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct BoundsIn {
    min: Option<u32>,
    max: Option<u32>,
    idle: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BoundsOut {
    ok: bool,
    hpa_min: u32,
    hpa_max: u32,
}

pub(super) fn bounds(vector: &BoundsIn, out: &BoundsOut) -> Outcome {
    let mut spec = json!({
        "scaleTargetRef": { "name": "x" },
        "triggers": [{ "type": "redis", "metadata": {} }],
    });
    let fields = [("minReplicaCount", vector.min), ("maxReplicaCount", vector.max), ("idleReplicaCount", vector.idle)];
    for (field, count) in fields {
        if let Some(count) = count {
            spec[field] = count.into();
        }
    }
    let object = json!({ "metadata": { "name": "x" }, "spec": spec });
    let Ok((object, _)) = ScaledObject::on_cluster(&object) else {
        assert!(!out.ok);
        return Outcome::Same;
    };
    let Replicas { idle, min, max } = object.replicas;
    if !out.ok {
        // Its author wants as many pods to stay, and a least number says that.
        assert_eq!((idle.unwrap_or(min), max), (vector.idle.unwrap_or(0), out.hpa_max));
        return Outcome::Differs("idle-without-min");
    }
    assert_eq!((object.replicas.while_active(), max), (out.hpa_min, out.hpa_max));
    Outcome::Same
}
