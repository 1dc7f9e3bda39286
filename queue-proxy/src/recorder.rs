//! How long requests took, counted without a lock until somebody asks.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config::{Histogram, bounds};

/// Sixteen buckets to each power of two, and as many again below the first: HdrHistogram's way of putting similar numbers
/// together, so that whoever reads them by it loses nothing.
const STEPS: u64 = 16;

/// Bits of a duration in nanoseconds that are not looked at.
const UNIT: u32 = bounds::LATENCY_LEAST.as_nanos().ilog2();

const BUCKETS: usize = bucket(bounds::LATENCY_MOST) + 1;
const _: () = assert!(BUCKETS <= bounds::LATENCY_BUCKETS, "one that is full must fit into a frame");

/// Counts requests by how long they took: one atomic addition each. 1.5 KiB.
#[derive(Debug)]
pub struct Recorder {
    /// Relaxed throughout: each count stands for itself.
    buckets: [AtomicU32; BUCKETS],
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder { buckets: [const { AtomicU32::new(0) }; BUCKETS] }
    }
}

impl Recorder {
    /// A request took this long.
    #[inline]
    pub fn record(&self, took: Duration) {
        self.buckets[bucket(took)].fetch_add(1, Ordering::Relaxed);
    }

    /// What was recorded since this was last called; each duration is the least of its bucket.
    pub fn take(&self) -> Histogram {
        let counts = self.buckets.iter().enumerate();
        let used = counts.filter(|(_, count)| count.load(Ordering::Relaxed) > 0);
        used.map(|(index, count)| (least(index), count.swap(0, Ordering::Relaxed).into())).collect()
    }
}

/// Which bucket counts what took this long.
const fn bucket(took: Duration) -> usize {
    let most = bounds::LATENCY_MOST.as_nanos();
    let nanos = if took.as_nanos() < most { took.as_nanos() } else { most };
    let units = nanos as u64 >> UNIT;
    let shift = (units | (2 * STEPS - 1)).ilog2() - STEPS.ilog2();
    shift as usize * STEPS as usize + (units >> shift) as usize
}

/// The least that a bucket counts.
fn least(bucket: usize) -> Duration {
    let (octave, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    let units = if octave == 0 { step } else { (STEPS + step) << (octave - 1) };
    Duration::from_nanos(units << UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_sixteenth_wide_and_follows_the_one_before() {
        for index in 0..BUCKETS {
            let (from, next) = (least(index), least(index + 1));
            assert_eq!((bucket(from), bucket(next - Duration::from_nanos(1))), (index, index));
            let width = next - from;
            assert!(width <= bounds::LATENCY_LEAST.max(from / 16), "{from:?} to {next:?}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1, "longer than the longest is as long");
    }

    #[test]
    fn what_was_taken_is_not_taken_again() {
        let recorder = Recorder::default();
        for millis in [0, 20, 20, 5_000] {
            recorder.record(Duration::from_millis(millis));
        }
        let taken = recorder.take();
        assert_eq!(taken.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 2, 1]);
        let twenty = taken[1].0;
        assert!(twenty <= Duration::from_millis(20) && twenty + twenty / 16 > Duration::from_millis(20), "{twenty:?}");
        assert_eq!(recorder.take(), []);
    }
}
