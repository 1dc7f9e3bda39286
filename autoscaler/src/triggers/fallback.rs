//! What stands in for a trigger that has failed for too long.

use config::keda::{Fallback, FallbackBehavior};

use super::Milli;
use super::hpa::Target;

/// What a trigger says while its source fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// Nothing: it has not failed for long enough, or nothing is configured.
    None,
    /// It asks for so many pods.
    Replicas(u32),
    /// It is `nil` in the formula.
    Nil,
}

/// What stands in after `failures` in a row, while there are `current` pods.
pub fn stand_in(fallback: &Fallback, failures: u32, current: u32) -> StandIn {
    if failures <= fallback.failure_threshold {
        return StandIn::None;
    }
    match fallback.behavior {
        FallbackBehavior::Static => StandIn::Replicas(fallback.replicas),
        FallbackBehavior::CurrentReplicas => StandIn::Replicas(current),
        FallbackBehavior::CurrentReplicasIfHigher => StandIn::Replicas(current.max(fallback.replicas)),
        FallbackBehavior::CurrentReplicasIfLower => StandIn::Replicas(current.min(fallback.replicas)),
        FallbackBehavior::ScalingModifiers => StandIn::Nil,
    }
}

/// The metric by which `replicas` pods are asked for, when `ready` of them are: a total is divided among those. None if
/// there is none to divide it among.
pub fn metric(replicas: u32, target: Target, ready: u32) -> Option<Milli> {
    let replicas = match target {
        Target::Average(_) => f64::from(replicas),
        Target::Value(_) if ready == 0 => return None,
        Target::Value(_) => f64::from(replicas) / f64::from(ready),
    };
    Some(Milli::from_thousandths((target.milli().thousandths() as f64 * replicas) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_cannot_be_divided_among_nobody() {
        assert_eq!(metric(10, Target::Value(Milli::target(10.0)), 0), None);
    }
}
