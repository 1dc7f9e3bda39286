//! How many Jobs a queue asks for, of a ScaledJob.

use super::fields::{choice, hint, warn_of_unknown};
use crate::node::Node;
use crate::number;
use crate::problem::Findings;

/// `scalingStrategy` of a ScaledJob.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScalingStrategy {
    /// `strategy` (default).
    pub strategy: Strategy,
    /// `pendingPodConditions`: a Job is pending until a pod of it has all of these; without any, until one runs.
    pub pending_pod_conditions: Vec<String>,
    /// `multipleScalersCalculation` (max): how the numbers of several triggers become one.
    pub calculation: Calculation,
}

/// How the Jobs that run are taken off those that the queue asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Strategy {
    /// `default`: all of them.
    #[default]
    Default,
    /// `custom`: a fixed number, and a part of them.
    Custom {
        /// `customScalingQueueLengthDeduction` (0).
        deduction: Deduction,
        /// `customScalingRunningJobPercentage`, as a fraction: 0.5 for a half.
        running: f64,
    },
    /// `accurate`: none, for the queue does not count what is being worked on; but there is a most.
    Accurate,
    /// `eager`: every free place is filled while there is anything in the queue.
    Eager,
}

/// What the custom strategy takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deduction {
    /// So many Jobs, after the queue's length was divided by the target: KEDA's meaning.
    Jobs(i32),
    /// So many messages, before that: what the manifest's author meant whose percentage is written in percent.
    Messages(i32),
}

/// How the numbers of several triggers become one; only active ones count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calculation {
    /// The largest.
    #[default]
    Max,
    /// The smallest.
    Min,
    /// The mean.
    Avg,
    /// The sum.
    Sum,
}

const DEDUCTION: &str = "customScalingQueueLengthDeduction";
const PERCENTAGE: &str = "customScalingRunningJobPercentage";

impl ScalingStrategy {
    /// Reads `scalingStrategy`.
    pub(super) fn read(node: &Node<'_>, found: &mut Findings) -> ScalingStrategy {
        let known = ["strategy", DEDUCTION, PERCENTAGE, "pendingPodConditions", "multipleScalersCalculation"];
        warn_of_unknown(node, &known, found);
        let calculations = [
            ("max", Calculation::Max),
            ("min", Calculation::Min),
            ("avg", Calculation::Avg),
            ("sum", Calculation::Sum),
        ];
        ScalingStrategy {
            strategy: strategy(node, found),
            pending_pod_conditions: node.at("pendingPodConditions").texts(found),
            calculation: choice(&node.at("multipleScalersCalculation"), &calculations, found).unwrap_or_default(),
        }
    }
}

fn strategy(node: &Node<'_>, found: &mut Findings) -> Strategy {
    let at = node.at("strategy");
    match at.text(found).unwrap_or("default") {
        "custom" => return custom(node, found),
        "default" | "" => {}
        "accurate" => return Strategy::Accurate,
        "eager" => return Strategy::Eager,
        other => {
            let hint = hint(other, ["default", "custom", "accurate", "eager"]);
            let message = format!("{other:?} is no strategy and is read as default, as KEDA does{hint}");
            found.warn(at.path(), message);
        }
    }
    for field in [DEDUCTION, PERCENTAGE] {
        if node.at(field).exists() {
            found.warn(node.at(field).path(), "has no effect: it belongs to strategy: custom");
        }
    }
    Strategy::Default
}

fn custom(node: &Node<'_>, found: &mut Findings) -> Strategy {
    let deduction_at = node.at(DEDUCTION);
    let deduction = deduction_at.signed(found).unwrap_or(0);
    let at = node.at(PERCENTAGE);
    let Some(text) = at.scalar() else {
        // KEDA: without the percentage there is no custom strategy.
        found.warn(at.path(), "is missing: strategy custom is read as default without it, as KEDA does");
        return Strategy::Default;
    };
    match number::float(&text).filter(|part| part.is_finite() && *part >= 0.0) {
        None => {
            found.warn(at.path(), format!("{text:?} is not a number of 0 or more: strategy custom is read as default"));
            Strategy::Default
        }
        Some(percent) if percent > 1.0 => {
            let running = percent / 100.0;
            let message = format!("{text:?} is taken as percent: KEDA would multiply by it; write \"{running}\"");
            found.warn(at.path(), message);
            if deduction != 0 {
                let message = format!(
                    "{deduction} is taken as messages, for {PERCENTAGE} is in percent: KEDA takes it off the Jobs"
                );
                found.warn(deduction_at.path(), message);
            }
            Strategy::Custom { deduction: Deduction::Messages(deduction), running }
        }
        Some(running) => Strategy::Custom { deduction: Deduction::Jobs(deduction), running },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(node: &Value) -> (Strategy, Vec<String>) {
        let mut found = Findings::default();
        let read = ScalingStrategy::read(&Node::root(node), &mut found);
        assert_eq!(found.problems, []);
        (read.strategy, found.warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_fraction_is_kedas_and_its_deduction_counts_jobs() {
        let (strategy, said) = read(&json!({ "strategy": "custom", DEDUCTION: -2, PERCENTAGE: "0.5" }));
        assert_eq!(strategy, Strategy::Custom { deduction: Deduction::Jobs(-2), running: 0.5 });
        assert!(said.is_empty());
    }

    #[test]
    fn a_percentage_is_taken_as_one_and_its_deduction_counts_messages() {
        let (strategy, said) = read(&json!({ "strategy": "custom", DEDUCTION: 5, PERCENTAGE: "50" }));
        assert_eq!(strategy, Strategy::Custom { deduction: Deduction::Messages(5), running: 0.5 });
        assert_eq!(
            said,
            [
                "customScalingRunningJobPercentage: \"50\" is taken as percent: KEDA would multiply by it; write \
                 \"0.5\"",
                "customScalingQueueLengthDeduction: 5 is taken as messages, for customScalingRunningJobPercentage is \
                 in percent: KEDA takes it off the Jobs",
            ]
        );
    }

    #[test]
    fn what_is_no_strategy_is_the_default_one() {
        for (node, said) in [
            (
                json!({ "strategy": "acurate" }),
                "strategy: \"acurate\" is no strategy and is read as default, as KEDA does; did you mean accurate?",
            ),
            (
                json!({ "strategy": "custom", PERCENTAGE: "half" }),
                "customScalingRunningJobPercentage: \"half\" is not a number of 0 or more: strategy custom is read as \
                 default",
            ),
            (
                json!({ DEDUCTION: 1 }),
                "customScalingQueueLengthDeduction: has no effect: it belongs to strategy: custom",
            ),
        ] {
            assert_eq!(read(&node), (Strategy::Default, vec![said.to_owned()]));
        }
    }
}
