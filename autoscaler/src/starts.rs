//! How long pods take to become ready.

use std::time::Duration;

use config::bounds;

/// The time to ready of one workload's pods: the slowest of late.
#[derive(Clone, Copy, Debug, Default)]
pub struct Starts {
    slowest: Option<Duration>,
}

impl Starts {
    /// A pod became ready that long after it was first seen. A slower one counts in full, a faster one by a quarter: one
    /// quick start does not make the others overdue.
    pub fn became_ready(&mut self, took: Duration) {
        self.slowest = Some(self.slowest.map_or(took, |slowest| took.max((3 * slowest + took) / 4)));
    }

    /// What was measured; none before the first pod became ready.
    pub fn measured(&self) -> Option<Duration> {
        self.slowest
    }

    /// How long after it was first seen a pod that is not ready is no longer expected to become so: twice what was
    /// measured, and a second for those that start at once.
    pub fn allowance(&self) -> Duration {
        self.slowest.map_or(bounds::START_UNKNOWN, |slowest| 2 * slowest + Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_late_is_what_a_pod_may_take_twice() {
        let secs = Duration::from_secs;
        let mut starts = Starts::default();
        assert_eq!((starts.measured(), starts.allowance()), (None, bounds::START_UNKNOWN));
        starts.became_ready(secs(4));
        starts.became_ready(secs(20));
        assert_eq!((starts.measured(), starts.allowance()), (Some(secs(20)), secs(41)));
        starts.became_ready(secs(4));
        assert_eq!(starts.measured(), Some(secs(16)));
        for _ in 0..30 {
            starts.became_ready(secs(4));
        }
        assert!(starts.measured().is_some_and(|slowest| slowest < secs(5)));
    }
}
