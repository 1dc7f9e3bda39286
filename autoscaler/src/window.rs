//! A sliding window of one-second buckets and its average.
//!
//! Knative's `pkg/autoscaler/aggregation` to the number, its oddities included: a young window averages over what exists,
//! silence after the last write shrinks the divisor (the average stays up until the data expires), and a gap between
//! two writes counts as zero.

use config::Aggregation;

/// Averages are rounded to this many digits, so that float noise never asks for a pod.
const DIGITS: i32 = 6;

/// A ring of one-second buckets. Holds no memory until the first record.
///
/// Invariant: the ring holds the seconds `last − n + 1 ..= last`, zero where nothing was recorded; `total` is its sum.
#[derive(Clone, Debug)]
pub struct Window {
    aggregation: Aggregation,
    seconds: u64,
    buckets: Vec<f64>,
    first: u64,
    last: u64,
    total: f64,
}

impl Window {
    /// A window over `seconds` (at least one), with nothing in it.
    pub fn new(aggregation: Aggregation, seconds: u64) -> Window {
        Window { aggregation, seconds: seconds.max(1), buckets: Vec::new(), first: 0, last: 0, total: 0.0 }
    }

    /// Its length.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// Adds `value` to the bucket of `second`. What is older than the window is dropped; a first record, or one a
    /// whole window after the last, starts anew.
    pub fn record(&mut self, second: u64, value: f64) {
        if self.buckets.is_empty() || second >= self.last + self.seconds {
            self.restart(second);
        } else if second > self.last {
            self.advance(second);
        } else if second + self.seconds <= self.last {
            return;
        }
        self.first = self.first.min(second);
        let index = self.index(second);
        self.buckets[index] += value;
        self.total += value;
    }

    /// Records zero for every second of `from ..= to` that comes after the last record.
    pub fn silence(&mut self, from: u64, to: u64) {
        let from = if self.buckets.is_empty() { from } else { from.max(self.last + 1) };
        if from > to {
            return;
        }
        self.record(from, 0.0);
        if to >= from + self.seconds {
            self.buckets.fill(0.0);
            self.total = 0.0;
            self.last = to;
        } else {
            self.record(to, 0.0);
        }
    }

    /// The average at `now`, in the unit of what was recorded; 0 when there is nothing.
    pub fn average(&self, now: u64) -> f64 {
        if self.is_empty(now) {
            return 0.0;
        }
        match self.aggregation {
            Aggregation::Linear => self.linear(now),
            Aggregation::WeightedExponential => self.weighted(now),
        }
    }

    /// Whether the last record is longer ago than the window, or there never was one.
    pub fn is_empty(&self, now: u64) -> bool {
        self.buckets.is_empty() || now.saturating_sub(self.last) > self.seconds
    }

    /// Changes the length; keeps as many of the newest buckets as fit.
    pub fn resize(&mut self, seconds: u64) {
        let mut resized = Window::new(self.aggregation, seconds);
        if !self.buckets.is_empty() {
            let kept = self.seconds.min(resized.seconds).min(self.last + 1);
            let oldest = self.last + 1 - kept;
            resized.restart(self.first.max(oldest));
            for second in resized.first..=self.last {
                resized.record(second, self.buckets[self.index(second)]);
            }
        }
        *self = resized;
    }

    /// Forgets everything and gives the memory back.
    pub fn clear(&mut self) {
        self.buckets = Vec::new();
    }

    fn restart(&mut self, second: u64) {
        self.buckets.clear();
        self.buckets.resize(self.seconds as usize, 0.0);
        (self.first, self.last, self.total) = (second, second, 0.0);
    }

    /// Moves on to `second`, less than a window ahead.
    fn advance(&mut self, second: u64) {
        for gone in self.last + 1..=second {
            let index = self.index(gone);
            self.total -= std::mem::take(&mut self.buckets[index]);
        }
        if second / self.seconds != self.last / self.seconds {
            // Once a lap the running sum is taken anew: rounding errors never add up.
            self.total = self.buckets.iter().sum();
        }
        self.last = second;
    }

    fn linear(&self, now: u64) -> f64 {
        let silent = now.saturating_sub(self.last);
        if silent >= self.seconds {
            return 0.0;
        }
        // The ring's oldest bucket follows its newest.
        let expired: f64 = (1..=silent).map(|age| self.buckets[self.index(self.last + age)]).sum();
        let over = (self.last - self.first + 1).min(self.seconds - silent);
        round_to_digits((self.total - expired) / over as f64, DIGITS)
    }

    /// Σ bucket · c(1 − c)^age, without correction for what a young window lacks.
    fn weighted(&self, now: u64) -> f64 {
        let silent = now.saturating_sub(self.last);
        let coefficient = smoothing_coefficient(self.seconds);
        let mut weight = coefficient * (1.0 - coefficient).powf(silent as f64);
        let mut average = 0.0;
        for age in 0..self.seconds.saturating_sub(silent) {
            average += self.buckets[self.index(self.last + self.seconds - age)] * weight;
            weight *= 1.0 - coefficient;
        }
        average
    }

    fn index(&self, second: u64) -> usize {
        (second % self.seconds) as usize
    }
}

/// The weight of the newest of `buckets` buckets: such that all of them together weigh 99.99 %, and at least 0.2.
pub fn smoothing_coefficient(buckets: u64) -> f64 {
    (1.0 - 0.0001_f64.powf(1.0 / buckets as f64)).max(0.2)
}

/// `value` rounded to `digits` decimal digits, half away from zero.
pub fn round_to_digits(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale + 0.0 // so that what rounds up to nothing is not minus nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn silence_recorded_each_second_lets_the_average_fall_and_silence_alone_does_not() {
        let mut told = Window::new(Aggregation::Linear, 10);
        let mut untold = told.clone();
        told.record(100, 6.0);
        untold.record(100, 6.0);
        told.silence(101, 105);
        assert_eq!((told.average(105), untold.average(105)), (1.0, 6.0));
        told.silence(0, 110);
        assert_eq!((told.average(110), untold.average(110)), (0.0, 0.0));
    }

    #[test]
    fn silence_longer_than_the_window_leaves_a_full_window_of_zeros() {
        let mut window = Window::new(Aggregation::Linear, 10);
        window.record(100, 6.0);
        window.silence(101, 1_000);
        window.record(1_001, 10.0);
        assert_eq!(window.average(1_001), 1.0);
    }

    #[test]
    fn silence_never_undoes_a_record() {
        let mut window = Window::new(Aggregation::Linear, 10);
        window.record(104, 8.0);
        window.silence(101, 104);
        assert_eq!(window.average(104), 8.0);
    }

    proptest! {
        /// The running sum is the sum of what a plain list of records says.
        #[test]
        fn a_ring_is_the_list_of_its_records(
            seconds in 1u64..20,
            records in prop::collection::vec((0u64..8, 0.0f64..1e6), 1..80),
        ) {
            let mut window = Window::new(Aggregation::Linear, seconds);
            let mut list: Vec<(u64, f64)> = Vec::new();
            let (mut now, mut first) = (1_000, 1_000);
            for (step, value) in records {
                if list.is_empty() || step >= seconds {
                    first = now + step;
                }
                now += step;
                window.record(now, value);
                list.push((now, value));
                let from = first.max((now + 1).saturating_sub(seconds));
                let sum: f64 = list.iter().filter(|(at, _)| *at >= from).map(|(_, value)| value).sum();
                let want = sum / (now - from + 1) as f64;
                prop_assert!((window.average(now) - want).abs() < 2e-6, "{} is not {want}", window.average(now));
            }
        }

        /// Silence second by second is silence at once.
        #[test]
        fn silence_adds_up(seconds in 1u64..20, gap in 0u64..60, cut in 0u64..60) {
            let mut at_once = Window::new(Aggregation::Linear, seconds);
            at_once.record(100, 7.0);
            let mut piecewise = at_once.clone();
            at_once.silence(101, 100 + gap);
            piecewise.silence(101, 100 + gap.min(cut));
            piecewise.silence(101, 100 + gap);
            for window in [&mut at_once, &mut piecewise] {
                window.record(101 + gap, 5.0);
            }
            prop_assert_eq!(at_once.average(101 + gap), piecewise.average(101 + gap));
        }
    }
}
