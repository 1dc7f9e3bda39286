//! What stands in for a trigger that fails; formulas.

use std::collections::BTreeMap;

use autoscaler::triggers::Milli;
use autoscaler::triggers::fallback::{StandIn, metric, stand_in};
use autoscaler::triggers::hpa::Target;
use autoscaler::triggers::modifiers::Formula;
use config::keda::{Fallback, FallbackBehavior};
use serde::Deserialize;

use super::Outcome;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnErrorIn {
    threshold: i64,
    replicas: i64,
    behavior: String,
    prior_failures: Option<u32>,
    target: f64,
    metric_type: String,
    current: u32,
    ready: u32,
    modifiers_target: Option<String>,
    modifiers_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnErrorOut {
    #[serde(default)]
    error: bool,
    metric_milli: Option<String>,
    failures: Option<u32>,
    #[serde(default)]
    fallback: bool,
}

impl OnErrorIn {
    /// None: `config` refuses it.
    fn fallback(&self) -> Option<Fallback> {
        let behavior = match self.behavior.as_str() {
            "static" | "" => FallbackBehavior::Static,
            "currentReplicas" => FallbackBehavior::CurrentReplicas,
            "currentReplicasIfHigher" => FallbackBehavior::CurrentReplicasIfHigher,
            "currentReplicasIfLower" => FallbackBehavior::CurrentReplicasIfLower,
            "scalingModifiers" => FallbackBehavior::ScalingModifiers,
            _ => return None,
        };
        let failure_threshold = u32::try_from(self.threshold).ok()?;
        Some(Fallback { failure_threshold, replicas: u32::try_from(self.replicas).ok()?, behavior })
    }

    fn target(&self) -> Target {
        let kind = match &self.modifiers_target {
            Some(_) => self.modifiers_type.as_deref().unwrap_or("AverageValue"),
            None => &self.metric_type,
        };
        let number =
            self.modifiers_target.as_ref().map_or(self.target, |text| text.parse().expect("a readable vector"));
        if kind == "Value" { Target::Value(Milli::target(number)) } else { Target::Average(Milli::target(number)) }
    }
}

pub(super) fn on_error(vector: &OnErrorIn, out: &OnErrorOut) -> Outcome {
    let Some(fallback) = vector.fallback() else {
        assert!(out.error && out.failures.is_none());
        return Outcome::Same;
    };
    let failures = vector.prior_failures.unwrap_or(0) + 1;
    let ours = match stand_in(&fallback, failures, vector.current) {
        StandIn::None => None,
        StandIn::Replicas(replicas) => metric(replicas, vector.target(), vector.ready).map(|metric| (metric, true)),
        StandIn::Nil => {
            // KEDA's word for nil is −1.
            assert_eq!((out.metric_milli.as_deref(), out.fallback), (Some("-1000"), false));
            return Outcome::Same;
        }
    };
    let is_broken = vector.modifiers_target.as_ref().is_some_and(|text| text.parse::<u32>().is_err());
    if is_broken && out.error {
        assert!(ours.is_some());
        return Outcome::Differs("composite-target");
    }
    match ours {
        None => assert!(out.error),
        Some((metric, fallback)) => {
            let ours = (Some(metric.thousandths().to_string()), fallback);
            assert_eq!(ours, (out.metric_milli.clone(), out.fallback));
        }
    }
    assert_eq!(out.failures.unwrap_or(failures), failures);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct WritesIn {
    configured: bool,
    outcomes: Vec<String>,
}

/// KEDA's counters are in the status; ours are in memory. What is left to write is whether a fallback is in effect,
/// which for as few failures as these it is at most once, with the lowest threshold.
pub(super) fn status_writes(vector: &WritesIn, out: &u32) -> Outcome {
    let fallback = Fallback { failure_threshold: 0, replicas: 1, behavior: FallbackBehavior::Static };
    let (mut failures, mut told, mut writes) = (0, StandIn::None, 0);
    for outcome in &vector.outcomes {
        failures = if outcome == "ok" { 0 } else { failures + 1 };
        let stands_in = if vector.configured { stand_in(&fallback, failures, 1) } else { StandIn::None };
        writes += u32::from(stands_in != told);
        told = stands_in;
    }
    assert!(writes <= *out, "{writes} writes are more than {out}");
    if writes < *out { Outcome::Differs("counters-in-memory") } else { Outcome::Same }
}

#[derive(Deserialize)]
pub(super) struct FormulaIn {
    formula: String,
    values: BTreeMap<String, Option<f64>>,
}

#[derive(Deserialize)]
pub(super) struct FormulaOut {
    metric: f64,
}

pub(super) fn formula(vector: &FormulaIn, out: &FormulaOut) -> Outcome {
    let names: Vec<&str> = vector.values.keys().map(String::as_str).collect();
    let formula = Formula::parse(&vector.formula, &names).expect("a readable vector");
    let values: Vec<Option<f64>> = vector.values.values().copied().collect();
    assert_eq!(formula.evaluate(&values), Ok(Some(out.metric)));
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NilIn {
    fallback_replicas: u32,
    target: f64,
}

pub(super) fn nil(vector: &NilIn, out: &f64) -> Outcome {
    let target = Target::Average(Milli::target(vector.target));
    assert_eq!(metric(vector.fallback_replicas, target, 0), Some(Milli::rounded(*out)));
    Outcome::Same
}
