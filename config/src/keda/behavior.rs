//! How fast pods may come and go: `behavior` of Kubernetes' HorizontalPodAutoscaler, as KEDA's objects embed it.

use std::time::Duration;

use super::fields::{self, choice, seconds, warn_of_unknown};
use crate::bounds;
use crate::defaults::triggers as defaults;
use crate::node::Node;
use crate::problem::Findings;
use crate::quantity;

/// Both directions, with Kubernetes' defaults where nothing is written.
///
/// A ScaledObject without any `behavior` has none of this: Kubernetes then goes by other rules (at most ×2 or 4 pods up,
/// anything down).
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// `scaleUp`: at once, by the larger of 100 % and 4 pods in 15 s.
    pub up: Rules,
    /// `scaleDown`: after 300 s, by up to 100 % in 15 s.
    pub down: Rules,
}

/// One direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// `stabilizationWindowSeconds`: for how long the gentlest recommendation counts.
    pub stabilization: Duration,
    /// `selectPolicy`: which of the policies counts.
    pub select: Select,
    /// `policies`; never empty.
    pub policies: Vec<ScalingPolicy>,
    /// `tolerance`: a load that is off its target by no more than this part changes nothing (0.1).
    pub tolerance: f64,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: nothing is scaled in this direction.
    Disabled,
}

/// By how much the pods may change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingPolicy {
    /// By how much.
    pub amount: Amount,
    /// `periodSeconds`, 1 s to 30 min.
    pub period: Duration,
}

/// How much a policy allows; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many pods.
    Pods(u32),
    /// So many percent of the pods that there were when the period began.
    Percent(u32),
}

const QUARTER_MINUTE: Duration = Duration::from_secs(15);

impl Default for Behavior {
    /// What Kubernetes fills in.
    fn default() -> Behavior {
        let policy = |amount| ScalingPolicy { amount, period: QUARTER_MINUTE };
        let rules = |stabilization, policies| Rules {
            stabilization,
            select: Select::Max,
            policies,
            tolerance: defaults::TOLERANCE,
        };
        Behavior {
            up: rules(Duration::ZERO, vec![policy(Amount::Pods(4)), policy(Amount::Percent(100))]),
            down: rules(defaults::DOWN_STABILIZATION, vec![policy(Amount::Percent(100))]),
        }
    }
}

impl Behavior {
    /// Reads `behavior`, if it is there.
    pub(super) fn read(node: &Node<'_>, found: &mut Findings) -> Option<Behavior> {
        if !node.exists() {
            return None;
        }
        warn_of_unknown(node, &["scaleUp", "scaleDown"], found);
        let Behavior { up, down } = Behavior::default();
        Some(Behavior { up: up.over(&node.at("scaleUp"), found), down: down.over(&node.at("scaleDown"), found) })
    }
}

impl Rules {
    /// What `node` says, and these rules where it does not.
    fn over(self, node: &Node<'_>, found: &mut Findings) -> Rules {
        warn_of_unknown(node, &["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"], found);
        let window = seconds(&node.at("stabilizationWindowSeconds"), bounds::STABILIZATION, found);
        let words = [("Max", Select::Max), ("Min", Select::Min), ("Disabled", Select::Disabled)];
        Rules {
            stabilization: window.unwrap_or(self.stabilization),
            select: choice(&node.at("selectPolicy"), &words, found).unwrap_or(self.select),
            policies: policies(&node.at("policies"), found).unwrap_or(self.policies),
            tolerance: tolerance(&node.at("tolerance"), found).unwrap_or(self.tolerance),
        }
    }
}

fn policies(node: &Node<'_>, found: &mut Findings) -> Option<Vec<ScalingPolicy>> {
    if !node.exists() {
        return None;
    }
    let items = node.items(found);
    if items.is_empty() || items.len() > bounds::SCALING_POLICIES {
        found.refuse(
            node.path(),
            format!("must have 1 to {} policies: it has {}", bounds::SCALING_POLICIES, items.len()),
        );
        return None;
    }
    Some(items.iter().filter_map(|item| policy(item, found)).collect())
}

fn policy(node: &Node<'_>, found: &mut Findings) -> Option<ScalingPolicy> {
    warn_of_unknown(node, &["type", "value", "periodSeconds"], found);
    for field in ["type", "value", "periodSeconds"] {
        if !node.at(field).exists() {
            found.refuse(node.at(field).path(), "is missing");
        }
    }
    let in_percent = choice(&node.at("type"), &[("Pods", false), ("Percent", true)], found);
    let value = node.at("value").within(1..=*fields::COUNT.end(), found);
    let period = seconds(&node.at("periodSeconds"), bounds::POLICY_PERIOD, found);
    let amount = if in_percent? { Amount::Percent(value?) } else { Amount::Pods(value?) };
    Some(ScalingPolicy { amount, period: period? })
}

/// A quantity of Kubernetes, as a string or a number.
fn tolerance(node: &Node<'_>, found: &mut Findings) -> Option<f64> {
    let text = node.scalar().or_else(|| node.text(found).map(str::to_owned))?;
    let value = quantity::parse(&text).filter(|value| *value >= 0.0);
    if value.is_none() {
        found.wrong(node.path(), &text, "is not a quantity of 0 or more: write 0.05 or 50m");
    }
    value
}
