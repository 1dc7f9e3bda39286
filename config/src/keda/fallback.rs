//! How many pods there are when a source cannot be read for long.

use super::Trigger;
use super::fields::{COUNT, choice, warn_of_unknown};
use crate::keda::Modifiers;
use crate::node::Node;
use crate::problem::Findings;

/// `fallback` of a ScaledObject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// `failureThreshold`: it counts once a source failed *more* often than this in a row.
    pub failure_threshold: u32,
    /// `replicas`.
    pub replicas: u32,
    /// `behavior` (static).
    pub behavior: FallbackBehavior,
}

/// How many pods a fallback asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FallbackBehavior {
    /// [`Fallback::replicas`].
    #[default]
    Static,
    /// As many as there are.
    CurrentReplicas,
    /// As many as there are, at least [`Fallback::replicas`].
    CurrentReplicasIfHigher,
    /// As many as there are, at most [`Fallback::replicas`].
    CurrentReplicasIfLower,
    /// The formula goes on without the source that failed, which is `nil` in it.
    ScalingModifiers,
}

const WORDS: [(&str, FallbackBehavior); 5] = [
    ("static", FallbackBehavior::Static),
    ("currentReplicas", FallbackBehavior::CurrentReplicas),
    ("currentReplicasIfHigher", FallbackBehavior::CurrentReplicasIfHigher),
    ("currentReplicasIfLower", FallbackBehavior::CurrentReplicasIfLower),
    ("scalingModifiers", FallbackBehavior::ScalingModifiers),
];

impl Fallback {
    /// Reads `fallback`, if it is there, of an object with these triggers and this formula.
    pub(super) fn read(
        node: &Node<'_>,
        triggers: &[Trigger],
        modifiers: Option<&Modifiers>,
        found: &mut Findings,
    ) -> Option<Fallback> {
        if !node.exists() {
            return None;
        }
        warn_of_unknown(node, &["failureThreshold", "replicas", "behavior"], found);
        let mut count = |field: &str| {
            let at = node.at(field);
            if !at.exists() {
                found.refuse(at.path(), "is missing");
            }
            at.within(COUNT, found).unwrap_or_default()
        };
        let (failure_threshold, replicas) = (count("failureThreshold"), count("replicas"));
        let behavior_at = node.at("behavior");
        let behavior = choice(&behavior_at, &WORDS, found).unwrap_or_default();
        if behavior == FallbackBehavior::ScalingModifiers && modifiers.is_none() {
            let message = "needs advanced.scalingModifiers.formula, which goes on without the trigger that failed";
            found.wrong(behavior_at.path(), "scalingModifiers", message);
        }
        if !triggers.is_empty() && triggers.iter().all(Trigger::is_resource) {
            found.refuse(node.path(), "needs a trigger that is neither cpu nor memory: these have no fallback");
        }
        Some(Fallback { failure_threshold, replicas, behavior })
    }
}
