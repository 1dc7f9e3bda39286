//! One object, the pods that it has, and time.

use std::time::Duration;

use autoscaler::triggers::Reading;
use autoscaler::triggers::hpa::Pods;
use autoscaler::triggers::object::{Object, Rules, Seen, Steps, Verdict};
use config::Time;
use config::keda::ScaledObject;
use serde_json::{Value, json};

/// A world in which pods are there as soon as they are asked for.
pub(crate) struct World {
    pub(crate) object: Object,
    pub(crate) seen: Seen,
    pub(crate) now: Time,
    /// When the number of pods changed (in seconds), and to what.
    pub(crate) trace: Vec<(f64, u32)>,
    pub(crate) last: Option<Verdict>,
}

pub(crate) fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

/// The rules of a ScaledObject with this `spec`, whose triggers (one, where it says nothing) have a target of 5 each.
pub(crate) fn rules(spec: &Value, steps: Steps) -> Rules {
    let mut spec = spec.clone();
    spec["scaleTargetRef"] = json!({ "name": "worker" });
    if spec.get("triggers").is_none() {
        spec["triggers"] = json!([{ "type": "redis", "metadata": {} }]);
    }
    let object = json!({ "metadata": { "name": "worker" }, "spec": spec });
    let (object, _) = ScaledObject::on_cluster(&object).expect("a ScaledObject");
    Rules::of(&object, &vec![5.0; object.triggers.len()], steps).expect("rules")
}

/// A reading of `metric` that activates above nothing.
pub(crate) fn value(metric: f64) -> Reading {
    Reading::above(metric, 0.0)
}

impl World {
    /// A world with such an object and so many pods.
    pub(crate) fn new(spec: &Value, pods: u32) -> World {
        World::with(rules(spec, Steps::default()), pods)
    }

    pub(crate) fn with(rules: Rules, pods: u32) -> World {
        let mut world = World {
            object: Object::new(rules, Time::ZERO),
            seen: Seen::default(),
            now: Time::ZERO,
            trace: Vec::new(),
            last: None,
        };
        world.set_pods(pods);
        world
    }

    pub(crate) fn pods(&self) -> u32 {
        self.seen.pods.asked
    }

    pub(crate) fn set_pods(&mut self, pods: u32) {
        self.seen.pods = Pods { asked: pods, exist: pods, ready: pods };
    }

    /// Goes on to `seconds`; each time the triggers are read they say what `read` says at that second.
    pub(crate) fn run(&mut self, seconds: f64, mut read: impl FnMut(f64) -> Vec<Reading>) {
        while self.object.next() < at(seconds) {
            self.now = self.object.next();
            let verdict = self.object.round(&read(self.now.as_secs_f64()), &self.seen, self.now);
            self.carry_out(verdict);
        }
        self.now = at(seconds);
    }

    /// A source pushes now.
    pub(crate) fn push(&mut self) {
        let verdict = self.object.pushed(&self.seen, self.now);
        self.carry_out(verdict);
    }

    fn carry_out(&mut self, verdict: Verdict) {
        assert!(verdict.next > self.now, "it is to look again at once: {verdict:?}");
        assert!(verdict.next <= self.now + Duration::from_secs(3_600), "{verdict:?}");
        if verdict.desired != self.pods() {
            self.set_pods(verdict.desired);
            self.trace.push((self.now.as_secs_f64(), verdict.desired));
        }
        self.last = Some(verdict);
    }

    /// The rules of the last verdict's reasons.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        self.last.iter().flat_map(|verdict| &verdict.reasons).map(|reason| reason.rule).collect()
    }
}
