//! How many pods one metric asks for, and several.

use crate::triggers::Milli;

/// What one metric is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// So much a pod (`AverageValue`).
    Average(Milli),
    /// So much in all (`Value`).
    Value(Milli),
}

impl Target {
    /// The number itself.
    pub fn milli(self) -> Milli {
        match self {
            Target::Average(milli) | Target::Value(milli) => milli,
        }
    }
}

/// How far off its target, as a part of it, a metric may be without changing anything. Both ends are within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Above it.
    pub up: f64,
    /// Below it.
    pub down: f64,
}

impl Tolerance {
    fn allows(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// The pods that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// How many are asked for.
    pub asked: u32,
    /// How many exist.
    pub exist: u32,
    /// How many are ready.
    pub ready: u32,
}

/// How many pods `usage` asks for.
pub fn propose(usage: Milli, target: Target, pods: Pods, tolerance: Tolerance) -> u32 {
    let (usage, of) = (usage.thousandths() as f64, target.milli().thousandths() as f64);
    match target {
        Target::Average(_) if tolerance.allows(usage / (of * f64::from(pods.exist))) => pods.exist,
        Target::Average(_) => (usage / of).ceil() as u32,
        Target::Value(_) if pods.asked == 0 => (usage / of).ceil() as u32,
        Target::Value(_) if tolerance.allows(usage / of) => pods.asked,
        Target::Value(_) => (usage / of * f64::from(pods.ready)).ceil() as u32,
    }
}

/// What several proposals come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combined {
    /// How many pods.
    pub pods: u32,
    /// Whether a metric that is missing kept the number from falling.
    pub held: bool,
}

/// The largest of the proposals. One that is missing (none) could have been larger than all others: it keeps the number
/// from falling below `current`, and from nothing else.
pub fn combine(current: u32, proposals: impl IntoIterator<Item = Option<u32>>) -> Combined {
    let (mut largest, mut missing) = (None, false);
    for proposal in proposals {
        missing |= proposal.is_none();
        largest = largest.max(proposal);
    }
    match largest {
        Some(pods) if !missing || pods >= current => Combined { pods, held: false },
        _ => Combined { pods: current, held: true },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TENTH: Tolerance = Tolerance { up: 0.1, down: 0.1 };

    #[test]
    fn absurd_metrics_ask_for_the_most_and_never_wrap() {
        let all = Milli::rounded(1e300);
        assert_eq!(propose(all, Target::Average(Milli::target(1.0)), Pods::default(), TENTH), u32::MAX);
    }

    #[test]
    fn nothing_is_proposed_is_nothing_changed() {
        assert_eq!(combine(3, []), Combined { pods: 3, held: true });
    }

    proptest! {
        /// More to do never asks for fewer pods, but for what tolerance blurs around the current number.
        #[test]
        fn more_usage_asks_for_no_fewer_pods(
            a in 0u64..10_000_000, b in 0u64..10_000_000, target in 1u64..100_000, pods in 0u32..1_000, average: bool,
        ) {
            let target = Milli::from_thousandths(target);
            let target = if average { Target::Average(target) } else { Target::Value(target) };
            let exact = Tolerance { up: 0.0, down: 0.0 };
            let pods = Pods { asked: pods, exist: pods, ready: pods };
            for tolerance in [exact, TENTH] {
                let of = |usage| propose(Milli::from_thousandths(usage), target, pods, tolerance);
                prop_assert!(of(a.min(b)) <= of(a.max(b)));
            }
        }

        /// A missing metric never lowers, and never keeps others from raising.
        #[test]
        fn a_missing_metric_blocks_one_direction(
            current in 0u32..50, proposals in prop::collection::vec(0u32..50, 0..5),
        ) {
            let with = proposals.iter().copied().map(Some).chain([None]);
            let largest = proposals.iter().copied().max().unwrap_or(0);
            prop_assert_eq!(combine(current, with).pods, largest.max(current));
        }
    }
}
