//! One number out of those of several triggers.

use super::fields::{choice, warn_of_unknown};
use super::{MetricType, Trigger};
use crate::bounds;
use crate::node::Node;
use crate::number;
use crate::problem::Findings;

/// `advanced.scalingModifiers` of a ScaledObject.
#[derive(Clone, Debug, PartialEq)]
pub struct Modifiers {
    /// `formula`, in which triggers stand by their names. What it means is not looked at here.
    pub formula: String,
    /// `target`: what one pod should carry of the formula's number; more than 0.
    pub target: f64,
    /// `activationTarget`: the workload is active while the number is more than this (0).
    pub activation_target: f64,
    /// `metricType`: AverageValue or Value (AverageValue).
    pub metric_type: MetricType,
}

impl Modifiers {
    /// Reads `scalingModifiers`, if it says anything.
    pub(super) fn read(node: &Node<'_>, triggers: &[Trigger], found: &mut Findings) -> Option<Modifiers> {
        if node.fields(found).is_empty() {
            return None;
        }
        warn_of_unknown(node, &["formula", "target", "activationTarget", "metricType"], found);
        let words = [("AverageValue", MetricType::AverageValue), ("Value", MetricType::Value)];
        let metric_type = choice(&node.at("metricType"), &words, found).unwrap_or(MetricType::AverageValue);
        let activation_target = float(&node.at("activationTarget"), found);
        let target_at = node.at("target");
        let target = float(&target_at, found);
        match target {
            Some(target) if target <= 0.0 => {
                found.wrong(target_at.path(), &target.to_string(), "is out of range: it must be more than 0");
            }
            None if !target_at.exists() => found.refuse(target_at.path(), "is missing: a formula needs a target"),
            _ => {}
        }
        if !triggers.iter().any(|trigger| trigger.name.is_some() && !trigger.is_resource()) {
            let message = "needs triggers with a name, other than cpu and memory: a formula knows them by it";
            found.refuse(node.path(), message);
        }
        let formula = formula(&node.at("formula"), found)?;
        let activation_target = activation_target.unwrap_or(0.0);
        Some(Modifiers { formula, target: target?, activation_target, metric_type })
    }
}

fn formula(node: &Node<'_>, found: &mut Findings) -> Option<String> {
    let text = node.text(found).unwrap_or_default().trim();
    if text.is_empty() {
        found.refuse(node.path(), "is missing");
        return None;
    }
    if text.len() > bounds::FORMULA_BYTES {
        found.refuse(node.path(), format!("has {} bytes, more than {}", text.len(), bounds::FORMULA_BYTES));
        return None;
    }
    Some(text.to_owned())
}

/// A finite number in a string, as KEDA's fields hold them.
fn float(node: &Node<'_>, found: &mut Findings) -> Option<f64> {
    let text = node.text(found).filter(|text| !text.is_empty())?;
    let value = number::float(text).filter(|value| value.is_finite());
    if value.is_none() {
        found.wrong(node.path(), text, "is not a finite number");
    }
    value
}
