//! The lag of one partition.

use crate::triggers::metadata::{Kafka, OffsetReset};

/// The offsets of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The next that the group will read; none if it has committed nothing.
    pub committed: Option<i64>,
    /// The first that is still kept; 0 where it was not asked for.
    pub earliest: i64,
    /// The next that will be written; none if the brokers said nothing about the partition.
    pub latest: Option<i64>,
}

/// Settings that one partition's lag depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Persistence {
    /// `offsetResetPolicy`.
    pub reset: OffsetReset,
    /// `scaleToZeroOnInvalidOffset`: a partition without a commit counts nothing.
    pub zero_on_invalid_offset: bool,
    /// `excludePersistentLag`: what has not moved since the last look is not worth more pods.
    pub exclude_persistent: bool,
}

impl Persistence {
    /// Those of a trigger.
    pub fn of(kafka: &Kafka) -> Persistence {
        Persistence {
            reset: kafka.offset_reset,
            zero_on_invalid_offset: kafka.zero_on_invalid_offset,
            exclude_persistent: kafka.exclude_persistent,
        }
    }
}

/// The lag of one partition, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// What pods are wanted for.
    pub scaling: u64,
    /// What keeps the workload active: lag that does not move counts here.
    pub activation: u64,
}

/// The lag of one partition, whose committed offset was `previous` at the last look.
///
/// KEDA's `getLagForPartition`, but never negative: a group that has committed beyond the end (a topic made anew) lags
/// by nothing. And of a group that starts at the beginning only what is still kept counts.
pub fn partition_lag(offsets: Offsets, previous: Option<i64>, settings: Persistence) -> Lag {
    let Some(latest) = offsets.latest else { return Lag::default() };
    let Some(committed) = offsets.committed else {
        let all = match settings.reset {
            _ if settings.zero_on_invalid_offset => 0,
            // One, so that somebody is there to commit.
            OffsetReset::Latest => 1,
            OffsetReset::Earliest => between(offsets.earliest, latest),
        };
        return Lag { scaling: all, activation: all };
    };
    let all = between(committed.max(offsets.earliest), latest);
    let stuck = settings.exclude_persistent && previous == Some(committed);
    Lag { scaling: if stuck { 0 } else { all }, activation: all }
}

fn between(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_longer_kept_does_not_count() {
        let offsets = Offsets { committed: None, earliest: 140, latest: Some(150) };
        let settings = Persistence { reset: OffsetReset::Earliest, ..Persistence::default() };
        assert_eq!(partition_lag(offsets, None, settings).scaling, 10);
        let behind = Offsets { committed: Some(20), ..offsets };
        assert_eq!(partition_lag(behind, None, settings).scaling, 10);
    }

    #[test]
    fn a_commit_beyond_the_end_is_no_lag() {
        let offsets = Offsets { committed: Some(160), earliest: 0, latest: Some(150) };
        assert_eq!(partition_lag(offsets, None, Persistence::default()), Lag::default());
    }

    proptest! {
        /// Whatever brokers say, nothing overflows, and no more counts for scaling than for activation.
        #[test]
        fn no_offsets_are_too_strange(
            committed: Option<i64>, earliest: i64, latest: Option<i64>, previous: Option<i64>,
            early: bool, zero: bool, exclude: bool,
        ) {
            let settings = Persistence {
                reset: if early { OffsetReset::Earliest } else { OffsetReset::Latest },
                zero_on_invalid_offset: zero,
                exclude_persistent: exclude,
            };
            let lag = partition_lag(Offsets { committed, earliest, latest }, previous, settings);
            prop_assert!(lag.scaling <= lag.activation);
            if let (Some(committed), Some(latest)) = (committed, latest) && committed >= latest {
                prop_assert_eq!(lag, Lag::default());
            }
        }
    }
}
