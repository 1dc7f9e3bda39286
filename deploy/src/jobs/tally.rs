//! How far one Job is, by Kubernetes' rules for Jobs without an index.

use std::time::Duration;

use config::bounds;

use super::launch::Work;

/// The pods of one Job that have ended.
#[derive(Debug)]
pub(super) struct Tally {
    parallelism: u32,
    completions: Option<u32>,
    backoff_limit: u32,
    succeeded: u32,
    failed: u32,
    /// Failures since the last success.
    in_row: u32,
}

impl Tally {
    pub(super) fn of(work: &Work) -> Tally {
        let Work { parallelism, completions, backoff_limit, .. } = *work;
        Tally { parallelism, completions, backoff_limit, succeeded: 0, failed: 0, in_row: 0 }
    }

    /// Whether another pod is to run beside `running` ones.
    pub(super) fn wants_another(&self, running: usize) -> bool {
        let wanted = match self.completions {
            Some(completions) => self.parallelism.min(completions.saturating_sub(self.succeeded)),
            // Where one success is enough, nothing new begins after it.
            None if self.succeeded > 0 => 0,
            None => self.parallelism,
        };
        running < wanted as usize
    }

    /// Whether more pods failed than it survives.
    pub(super) fn has_failed(&self) -> bool {
        self.failed > self.backoff_limit
    }

    /// Whether all is done, with `running` pods left.
    pub(super) fn is_complete(&self, running: usize) -> bool {
        match self.completions {
            Some(completions) => self.succeeded >= completions,
            None => self.succeeded > 0 && running == 0,
        }
    }

    /// Whether any pod did its work.
    pub(super) fn any_succeeded(&self) -> bool {
        self.succeeded > 0
    }

    pub(super) fn succeeded(&mut self) {
        self.succeeded += 1;
        self.in_row = 0;
    }

    /// A pod failed. Says how long to wait before another is started.
    pub(super) fn failed(&mut self) -> Duration {
        self.failed += 1;
        self.in_row += 1;
        let doubled = bounds::JOB_BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(self.in_row - 1));
        doubled.min(bounds::JOB_BACKOFF_SLOWEST)
    }

    /// For people: how many failures there were of those that it survives.
    pub(super) fn failures(&self) -> String {
        format!("failure {} of {}", self.failed, self.backoff_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(parallelism: u32, completions: Option<u32>, backoff_limit: u32) -> Tally {
        Tally { parallelism, completions, backoff_limit, succeeded: 0, failed: 0, in_row: 0 }
    }

    #[test]
    fn completions_are_worked_off_in_parallel_and_none_is_begun_too_many() {
        let mut tally = tally(3, Some(4), 6);
        assert!(tally.wants_another(2) && !tally.wants_another(3));
        tally.succeeded();
        tally.succeeded();
        assert!(tally.wants_another(1) && !tally.wants_another(2), "two are left");
        tally.succeeded();
        assert!(!tally.is_complete(1));
        tally.succeeded();
        assert!(tally.is_complete(0));
    }

    #[test]
    fn without_completions_one_success_begins_the_end() {
        let mut tally = tally(2, None, 6);
        assert!(tally.wants_another(1));
        tally.succeeded();
        assert!(!tally.wants_another(0) && !tally.wants_another(1));
        assert!(!tally.is_complete(1) && tally.is_complete(0));
    }

    #[test]
    fn pauses_double_until_a_success_and_one_failure_more_than_allowed_is_the_last() {
        let mut tally = tally(1, Some(9), 8);
        let pauses: Vec<u64> = (0..8).map(|_| tally.failed().as_secs()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        tally.succeeded();
        assert!(!tally.has_failed());
        assert_eq!(tally.failed(), bounds::JOB_BACKOFF_FIRST);
        assert!(tally.has_failed());
    }
}
