//! Which commits have moved since the last look.

use std::collections::BTreeMap;
use std::time::Duration;

use config::Time;

use super::lag::{Lag, Offsets, Persistence, partition_lag};

/// What a group has committed in each partition, and since when.
///
/// A commit that has not moved for a polling interval is stuck. How often it is read in between does not matter: KEDA's
/// two loops both read, and make a slow consumer look like one that is stuck.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    since: BTreeMap<(String, i32), (i64, Time)>,
}

impl Commits {
    /// The lag of each of `partitions`, which are topics and numbers; others are forgotten.
    pub fn lags(
        &mut self,
        partitions: &[((&str, i32), Offsets)],
        settings: Persistence,
        interval: Duration,
        now: Time,
    ) -> Vec<Lag> {
        let before = std::mem::take(&mut self.since);
        let mut lags = Vec::with_capacity(partitions.len());
        for ((topic, number), offsets) in partitions {
            let partition = ((*topic).to_owned(), *number);
            let known = before.get(&partition).filter(|(committed, _)| Some(*committed) == offsets.committed);
            let stuck = known.filter(|(_, since)| now.since(*since) >= interval).map(|(committed, _)| *committed);
            lags.push(partition_lag(*offsets, stuck, settings));
            if let Some(committed) = offsets.committed {
                self.since.insert(partition, known.copied().unwrap_or((committed, now)));
            }
        }
        lags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_stuck_after_an_interval_however_often_it_is_read() {
        let settings = Persistence { exclude_persistent: true, ..Persistence::default() };
        let mut commits = Commits::default();
        let mut scaling = |second: f64, committed: i64| {
            let offsets = Offsets { committed: Some(committed), earliest: 0, latest: Some(150) };
            let interval = Duration::from_secs(30);
            commits.lags(&[(("t", 0), offsets)], settings, interval, Time::from_secs_f64(second))[0].scaling
        };
        assert_eq!(scaling(0.0, 100), 50, "first sight counts");
        assert_eq!(scaling(15.0, 100), 50);
        assert_eq!(scaling(30.0, 100), 0);
        assert_eq!(scaling(45.0, 101), 49, "it moves");
        assert_eq!(scaling(60.0, 101), 49);
        assert_eq!(scaling(75.0, 101), 0);
    }
}
