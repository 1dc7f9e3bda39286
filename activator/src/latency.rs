//! How long a pod takes to answer.

use std::time::Duration;

use config::Time;

/// A mean of the times to the response head in which what is older than [`Latency::MEMORY`] hardly counts.
///
/// It is weighted by time (an exponentially weighted mean of irregular samples: each has the weight 1 − e^(−Δ/memory),
/// Δ being the time since the one before), so that one slow request among thousands moves it little.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// The mean in seconds, and when the newest sample came.
    known: Option<(f64, Time)>,
}

impl Latency {
    /// Long enough to average over single requests, and short enough that a pod that was ten times slower than others,
    /// and so is given next to nothing, is looked at again after 2.3 times as long.
    pub(crate) const MEMORY: Duration = Duration::from_secs(5);

    /// A response began after `took`.
    pub(crate) fn observe(&mut self, now: Time, took: Duration) {
        let sample = took.as_secs_f64();
        let mean = self.known.map_or(sample, |(mean, at)| sample + (mean - sample) * fade(now.since(at)));
        self.known = Some((mean, now));
    }

    /// What a pod is expected to take, in seconds; none if nothing is known. It falls while nothing new is heard of, so
    /// that a pod that was slow once is found again when it is fast.
    pub(crate) fn expected(&self, now: Time) -> Option<f64> {
        self.known.map(|(mean, at)| mean * fade(now.since(at)))
    }
}

/// How much counts what is this old.
fn fade(age: Duration) -> f64 {
    (-age.as_secs_f64() / Latency::MEMORY.as_secs_f64()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_request_among_many_moves_it_little_and_old_ones_are_forgotten() {
        let mut latency = Latency::default();
        assert_eq!(latency.expected(Time::ZERO), None);
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        for millis in 0..1_000 {
            latency.observe(at(millis), Duration::from_millis(10));
        }
        latency.observe(at(1_000), Duration::from_secs(1));
        let expected = latency.expected(at(1_000)).unwrap();
        assert!((0.010..0.011).contains(&expected), "{expected}");
        latency.observe(at(61_000), Duration::from_secs(1));
        assert!((latency.expected(at(61_000)).unwrap() - 1.0).abs() < 1e-4);
    }
}
