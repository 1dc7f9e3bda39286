//! The lag of all partitions, capped by what their number can use.

use super::lag::Lag;
use crate::triggers::Reading;
use crate::triggers::metadata::Cap;

/// What all partitions say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// What is compared with the target.
    pub metric: u64,
    /// The lag uncapped, with what does not move: what decides about activity.
    pub activation: u64,
}

/// The sum over all `partitions`, of which one pod is aimed to carry `threshold`: KEDA's `getTotalLag`, but the cap is
/// exact. (KEDA divides whole numbers before it compares, and may ask for one pod more than there are partitions.)
pub fn total(partitions: &[Lag], cap: Cap, threshold: u64) -> Total {
    let lag: u64 = partitions.iter().fold(0, |sum, lag| sum.saturating_add(lag.scaling));
    let activation = partitions.iter().fold(0, |sum: u64, lag| sum.saturating_add(lag.activation));
    let count = partitions.len() as u64;
    let carried_by = |pods: u64| pods.saturating_mul(threshold);
    let metric = match cap {
        Cap::None => lag,
        Cap::Partitions => lag.min(carried_by(count)),
        Cap::PartitionsWithLag => {
            let with_lag = partitions.iter().filter(|lag| lag.scaling > 0).count();
            lag.min(carried_by(with_lag as u64))
        }
        Cap::Even => carried_by(next_factor(lag, count, threshold)),
    };
    Total { metric, activation }
}

impl Total {
    /// As a reading, active above `activation`.
    pub fn reading(self, activation: u64) -> Reading {
        Reading::Value { metric: self.metric as f64, active: self.activation > activation }
    }
}

/// All divisors of `n`, ascending; none of 0.
pub fn factors(n: u64) -> Vec<u64> {
    let small: Vec<u64> = (1..=n.isqrt()).filter(|factor| n.is_multiple_of(*factor)).collect();
    let large = small.iter().rev().map(|factor| n / factor).filter(|factor| factor * factor > n);
    small.iter().copied().chain(large).collect()
}

/// The smallest number of pods that divides `partitions` and carries `lag` at `threshold` each; all partitions if none
/// does.
pub fn next_factor(lag: u64, partitions: u64, threshold: u64) -> u64 {
    factors(partitions).into_iter().find(|factor| factor.saturating_mul(threshold) >= lag).unwrap_or(partitions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lags(each: &[u64]) -> Vec<Lag> {
        each.iter().map(|&lag| Lag { scaling: lag, activation: lag }).collect()
    }

    #[test]
    fn no_more_pods_than_partitions() {
        assert_eq!(total(&lags(&[39, 0, 0]), Cap::Partitions, 10), Total { metric: 30, activation: 39 });
    }

    #[test]
    fn no_more_pods_than_partitions_with_lag() {
        assert_eq!(total(&lags(&[500, 7, 0]), Cap::PartitionsWithLag, 10).metric, 20);
    }

    #[test]
    fn lag_that_does_not_move_keeps_the_workload_and_asks_for_nothing() {
        let stuck = [Lag { scaling: 0, activation: 50 }];
        assert_eq!(total(&stuck, Cap::Partitions, 10).reading(0), Reading::Value { metric: 0.0, active: true });
        // One pod is the least that divides the partitions.
        assert_eq!(total(&stuck, Cap::Even, 10).reading(0), Reading::Value { metric: 10.0, active: true });
    }

    proptest! {
        #[test]
        fn a_cap_holds_and_an_even_share_is_even(
            lags in prop::collection::vec(0u64..1_000_000, 1..64),
            threshold in 1u64..10_000,
        ) {
            let partitions: Vec<Lag> = lags.iter().map(|&lag| Lag { scaling: lag, activation: lag }).collect();
            let count = partitions.len() as u64;
            let metric = |cap| total(&partitions, cap, threshold).metric;
            prop_assert!(metric(Cap::Partitions) <= count * threshold);
            prop_assert!(metric(Cap::PartitionsWithLag) <= metric(Cap::Partitions));
            let even = metric(Cap::Even);
            prop_assert!(count.is_multiple_of(even / threshold));
            prop_assert!(even >= metric(Cap::Partitions));
        }

        #[test]
        fn factors_are_all_that_divide(n in 0u64..2_000) {
            prop_assert_eq!(factors(n), (1..=n).filter(|factor| n % factor == 0).collect::<Vec<_>>());
        }
    }
}
