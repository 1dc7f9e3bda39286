//! How long to wait before a Link that broke is opened again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use config::bounds;

/// Pauses that double, each shortened at random by up to half, so that all who lost the same autoscaler do not come back
/// at the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new() -> Backoff {
        Backoff { next: bounds::LINK_RETRY_FIRST, random: random() | 1 }
    }

    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(bounds::LINK_RETRY_SLOWEST);
        // xorshift: spreads, and is no secret.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        longest - longest.mul_f64((self.random >> 11) as f64 / (1u64 << 53) as f64 / 2.0)
    }

    /// The Link worked: the next pause is the first again.
    pub(super) fn reset(&mut self) {
        self.next = bounds::LINK_RETRY_FIRST;
    }
}

/// A number that no other process draws, and that is no secret.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_slowest_and_differ() {
        let mut backoff = Backoff::new();
        let mut longest = bounds::LINK_RETRY_FIRST;
        for _ in 0..20 {
            let pause = backoff.pause();
            assert!(longest / 2 <= pause && pause <= longest, "{pause:?} of {longest:?}");
            longest = (longest * 2).min(bounds::LINK_RETRY_SLOWEST);
        }
        assert_ne!(backoff.pause(), backoff.pause());
        backoff.reset();
        // A pod that the autoscaler's platform has not named yet is refused: a wake waits for these.
        let first: [Duration; 4] = std::array::from_fn(|_| backoff.pause());
        assert!(first.iter().all(|pause| *pause < Duration::from_millis(200)), "{first:?}");
        backoff.reset();
        assert!(backoff.pause() <= bounds::LINK_RETRY_FIRST);
    }
}
