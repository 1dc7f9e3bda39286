//! The load of one workload: its two windows.

use config::{Aggregation, Metric, Policy};

use crate::decide::Averages;
use crate::window::Window;

/// The stable and the panic window of the metric that a workload is scaled by.
///
/// Seconds have the number of the bucket they are recorded in: the second from 11 to 12 is complete at 12 and goes
/// into bucket 12, as Knative stamps what it hears of a second when it hears it.
///
/// Counters say nothing of a second in which nobody was there. While a workload has ready pods, Knative scrapes zeros
/// in such seconds, and they count: its average falls with them, where unrecorded seconds would hold it up. So while
/// pods are ready, silence is recorded as zero, lazily, when an average is asked for. Without ready pods a second in
/// which nobody was there leaves no trace, here as there.
#[derive(Clone, Debug)]
pub struct Load {
    metric: Metric,
    aggregation: Aggregation,
    stable: Window,
    panic: Window,
    /// The first bucket not yet filled, while silence means zero.
    silent_from: Option<u64>,
}

impl Load {
    /// No load yet.
    pub fn new(policy: &Policy) -> Load {
        let window = |length: std::time::Duration| Window::new(policy.aggregation, seconds(length));
        Load {
            metric: policy.metric,
            aggregation: policy.aggregation,
            stable: window(policy.stable_window),
            panic: window(policy.panic_window),
            silent_from: None,
        }
    }

    /// Takes over changed settings. Another length keeps what fits; another metric or average starts anew.
    pub fn set_policy(&mut self, policy: &Policy) {
        if (policy.metric, policy.aggregation) != (self.metric, self.aggregation) {
            *self = Load { silent_from: self.silent_from, ..Load::new(policy) };
            return;
        }
        for (window, length) in [(&mut self.stable, policy.stable_window), (&mut self.panic, policy.panic_window)] {
            if window.seconds() != seconds(length) {
                window.resize(seconds(length));
            }
        }
    }

    /// What is measured.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Adds `value` to a bucket.
    pub fn record(&mut self, bucket: u64, value: f64) {
        self.stable.record(bucket, value);
        self.panic.record(bucket, value);
    }

    /// From `bucket` on silence means zero: pods are ready.
    pub fn silence_is_zero_from(&mut self, bucket: u64) {
        self.silent_from.get_or_insert(bucket);
    }

    /// After `bucket` silence means nothing again: no pod is ready.
    pub fn silence_means_nothing_after(&mut self, bucket: u64) {
        self.fill(bucket);
        self.silent_from = None;
    }

    /// The averages at `bucket`.
    pub fn averages(&mut self, bucket: u64) -> Averages {
        self.fill(bucket);
        self.peek(bucket)
    }

    /// The averages at `bucket`, without the silence since they were last asked for.
    pub fn peek(&self, bucket: u64) -> Averages {
        Averages { stable: self.stable.average(bucket), panic: self.panic.average(bucket) }
    }

    /// Whether nothing was recorded for longer than the stable window.
    pub fn is_empty(&self, bucket: u64) -> bool {
        self.stable.is_empty(bucket)
    }

    /// The least that a second in which somebody was there must be worth, so that the stable average does not round to
    /// nothing: the rounding's last digit.
    pub fn least(&self) -> f64 {
        self.stable.seconds() as f64 * 1e-6
    }

    /// Forgets everything and gives the memory back.
    pub fn clear(&mut self) {
        self.stable.clear();
        self.panic.clear();
    }

    fn fill(&mut self, to: u64) {
        if let Some(from) = &mut self.silent_from
            && *from <= to
        {
            self.stable.silence(*from, to);
            self.panic.silence(*from, to);
            *from = to + 1;
        }
    }
}

/// Whole seconds of a window; the settings allow no fractions.
fn seconds(length: std::time::Duration) -> u64 {
    length.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load::new(&Policy::default())
    }

    #[test]
    fn silence_of_ready_pods_lets_the_average_fall() {
        let mut load = load();
        load.record(100, 60.0);
        load.silence_is_zero_from(101);
        assert_eq!(load.averages(102).stable, 20.0);
        assert_eq!(load.averages(159).stable, 1.0);
        assert_eq!(load.averages(160).stable, 0.0);
    }

    #[test]
    fn silence_without_ready_pods_leaves_it_up_until_it_expires() {
        let mut load = load();
        load.record(100, 60.0);
        assert_eq!((load.averages(159).stable, load.averages(160).stable), (60.0, 0.0));
    }

    #[test]
    fn a_report_that_comes_after_the_silence_was_recorded_still_counts() {
        let mut load = load();
        load.silence_is_zero_from(100);
        assert_eq!(load.averages(109).stable, 0.0);
        load.record(105, 30.0);
        assert_eq!(load.averages(109).stable, 3.0);
    }

    #[test]
    fn the_least_load_is_never_rounded_away() {
        for window in [6, 60, 3_600] {
            let policy = Policy { stable_window: std::time::Duration::from_secs(window), ..Policy::default() };
            let mut load = Load::new(&policy);
            load.silence_is_zero_from(1_000);
            load.averages(9_999);
            load.record(10_000, load.least());
            assert!(load.averages(9_999 + window).stable > 0.0, "{window} s");
        }
    }

    #[test]
    fn a_longer_window_keeps_what_is_there() {
        let mut load = load();
        load.record(100, 8.0);
        load.set_policy(&Policy { stable_window: std::time::Duration::from_secs(120), ..Policy::default() });
        assert_eq!(load.averages(161).stable, 8.0);
    }
}
