//! How long something that failed is left alone.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::Duration;

/// Pauses that double between two bounds, each shortened at random by up to half, so that those who failed together do not
/// come back together.
#[derive(Debug)]
pub(super) struct Pause {
    bounds: Range<Duration>,
    next: Duration,
}

impl Pause {
    pub(super) fn new(bounds: Range<Duration>) -> Pause {
        Pause { next: bounds.start, bounds }
    }

    /// The next pause.
    pub(super) fn longer(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(self.bounds.end);
        // A number that no other process draws, and that is no secret.
        let random = RandomState::new().hash_one(0) >> 11;
        longest - longest.mul_f64(random as f64 / (1u64 << 53) as f64 / 2.0)
    }

    /// It worked: the next pause is the shortest again.
    pub(super) fn reset(&mut self) {
        self.next = self.bounds.start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again() {
        let (first, slowest) = (Duration::from_secs(1), Duration::from_secs(5));
        let mut pause = Pause::new(first..slowest);
        for longest in [1, 2, 4, 5, 5].map(Duration::from_secs) {
            let taken = pause.longer();
            assert!(longest / 2 <= taken && taken <= longest, "{taken:?} of {longest:?}");
        }
        pause.reset();
        assert!(pause.longer() <= first);
    }
}
