//! When a platform call that failed is tried again.

use std::time::Duration;

use config::{Time, bounds};

/// Pauses that double from one failure to the next, and start over after a while without one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    pause: Duration,
    until: Option<Time>,
    failed: Time,
}

impl Backoff {
    /// The call failed.
    pub(super) fn fail(&mut self, now: Time) {
        let goes_on = !self.pause.is_zero() && now.since(self.failed) < 2 * bounds::PLATFORM_RETRY_SLOWEST;
        self.pause = match goes_on {
            true => (2 * self.pause).min(bounds::PLATFORM_RETRY_SLOWEST),
            false => bounds::PLATFORM_RETRY_FIRST,
        };
        self.until = Some(now + self.pause);
        self.failed = now;
    }

    /// Whether it is too early for the next call.
    pub(super) fn holds(&self, now: Time) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// The call is made again.
    pub(super) fn retry(&mut self) {
        self.until = None;
    }

    /// When the next call may be made, if one failed.
    pub(super) fn until(&self) -> Option<Time> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_start_over_after_a_while() {
        let mut backoff = Backoff::default();
        let mut now = Time::from_secs_f64(100.0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            backoff.fail(now);
            assert!(backoff.holds(now));
            pauses.push(backoff.until().unwrap().since(now).as_millis());
            now = backoff.until().unwrap();
            assert!(!backoff.holds(now));
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        backoff.fail(now + Duration::from_secs(20));
        assert_eq!(backoff.pause, bounds::PLATFORM_RETRY_FIRST);
    }
}
