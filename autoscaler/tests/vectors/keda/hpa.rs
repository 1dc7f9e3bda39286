//! The HorizontalPodAutoscaler's arithmetic.

use std::time::Duration;

use autoscaler::triggers::Milli;
use autoscaler::triggers::hpa::{Hpa, Pods, Settings, Target, Tolerance, combine, propose};
use config::Time;
use config::keda::{Amount, Behavior, Rules, ScalingPolicy, Select};
use serde::Deserialize;

use super::Outcome;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Average {
    usage_milli: u64,
    target_milli: u64,
    status_replicas: u32,
    tolerance_down: f64,
    tolerance_up: f64,
}

pub(super) fn average_value(vector: &Average, out: &u32) -> Outcome {
    let pods = Pods { exist: vector.status_replicas, ..Pods::default() };
    let target = Target::Average(Milli::from_thousandths(vector.target_milli));
    let tolerance = Tolerance { up: vector.tolerance_up, down: vector.tolerance_down };
    assert_eq!(propose(Milli::from_thousandths(vector.usage_milli), target, pods, tolerance), *out);
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Total {
    usage_milli: u64,
    target_milli: u64,
    spec_replicas: u32,
    ready_pods: u32,
    tolerance_down: f64,
    tolerance_up: f64,
}

pub(super) fn value(vector: &Total, out: &u32) -> Outcome {
    let pods = Pods { asked: vector.spec_replicas, exist: vector.spec_replicas, ready: vector.ready_pods };
    let target = Target::Value(Milli::from_thousandths(vector.target_milli));
    let tolerance = Tolerance { up: vector.tolerance_up, down: vector.tolerance_down };
    assert_eq!(propose(Milli::from_thousandths(vector.usage_milli), target, pods, tolerance), *out);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct Multi {
    current: u32,
    proposals: Vec<Option<u32>>,
}

#[derive(Deserialize)]
pub(super) struct Combined {
    replicas: u32,
    error: bool,
}

pub(super) fn multi(vector: &Multi, out: &Combined) -> Outcome {
    let combined = combine(vector.current, vector.proposals.iter().copied());
    assert_eq!((combined.pods, combined.held), (out.replicas, out.error));
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sequence {
    min: u32,
    max: u32,
    behavior: Option<Written>,
    down_stab_s: u64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Found(f64, u32, u32),
    Next(f64, u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    scale_up: Option<Direction>,
    scale_down: Option<Direction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Direction {
    stabilization_window_seconds: Option<u64>,
    select_policy: Option<String>,
    policies: Option<Vec<(String, u32, u64)>>,
}

impl Direction {
    fn over(&self, mut rules: Rules) -> Rules {
        if let Some(seconds) = self.stabilization_window_seconds {
            rules.stabilization = Duration::from_secs(seconds);
        }
        if let Some(word) = self.select_policy.as_deref() {
            rules.select = match word {
                "Max" => Select::Max,
                "Min" => Select::Min,
                "Disabled" => Select::Disabled,
                other => panic!("selectPolicy {other}"),
            };
        }
        if let Some(policies) = &self.policies {
            let policy = |(kind, value, seconds): &(String, u32, u64)| {
                let amount = if kind == "Pods" { Amount::Pods(*value) } else { Amount::Percent(*value) };
                ScalingPolicy { amount, period: Duration::from_secs(*seconds) }
            };
            rules.policies = policies.iter().map(policy).collect();
        }
        rules
    }
}

impl Sequence {
    fn behavior(&self) -> Option<Behavior> {
        let Written { scale_up, scale_down } = self.behavior.as_ref()?;
        let Behavior { up, mut down } = Behavior::default();
        down.stabilization = Duration::from_secs(self.down_stab_s);
        let over = |direction: &Option<Direction>, rules| match direction {
            Some(direction) => direction.over(rules),
            None => rules,
        };
        Some(Behavior { up: over(scale_up, up), down: over(scale_down, down) })
    }
}

pub(super) fn sequence(vector: &Sequence, out: &[u32]) -> Outcome {
    let behavior = vector.behavior();
    let settings = Settings {
        min: vector.min,
        max: vector.max,
        behavior: behavior.as_ref(),
        down_window: Duration::from_secs(vector.down_stab_s),
    };
    let (mut hpa, mut current) = (Hpa::default(), 1);
    let mut pods = Vec::new();
    for step in &vector.steps {
        let (second, proposal) = match *step {
            Step::Next(second, proposal) => (second, proposal),
            Step::Found(second, proposal, found) => {
                current = found;
                (second, proposal)
            }
        };
        let now = Time::from_secs_f64(second);
        hpa.saw(current, behavior.as_ref(), now);
        current = hpa.step(&settings, current, proposal, now).pods;
        hpa.asked(current, now);
        pods.push(current);
    }
    assert_eq!(pods, out);
    Outcome::Same
}
