//! How long the requests of one workload took of late.

use std::collections::VecDeque;
use std::time::Duration;

use config::{Latency, Time, bounds};
use hdrhistogram::{Counter, Histogram};
use serde::Serialize;

/// What all reporters told in the last minute, or a bit more: half minutes go as a whole.
///
/// What is silent needs no memory; what is not, about 5 KiB, and twice as much while requests are held.
#[derive(Debug, Default)]
pub struct Recent {
    /// The oldest first, at most [`Recent::HALVES`].
    halves: VecDeque<Half>,
}

/// What was told in one half minute.
#[derive(Debug)]
struct Half {
    number: u64,
    answered: Option<Histogram<u32>>,
    held: Option<Histogram<u32>>,
}

/// How long requests took of late; none of what there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencyNow {
    /// Requests that apps answered, from their arrival to the last byte of the answer: what clients saw.
    pub answered: Option<Quantiles>,
    /// Requests that had to wait for a pod, until they were handed over or gave up.
    pub held: Option<Quantiles>,
}

/// Of how many requests which part took at most how long. Up to a sixteenth too long, never too short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many there were.
    pub requests: u64,
    /// Half of them took at most this long, in seconds.
    pub p50_seconds: f64,
    /// Nine tenths of them.
    pub p90_seconds: f64,
    /// Ninety-nine hundredths of them.
    pub p99_seconds: f64,
}

impl Recent {
    /// The last one has just begun when there are three: the other two make a minute.
    const HALVES: u64 = 3;
    const HALF: u64 = 30;

    /// Takes in what a reporter told.
    pub fn add(&mut self, now: Time, latency: &Latency) {
        self.lapse(now);
        let number = now.second() / Recent::HALF;
        if self.halves.back().is_none_or(|half| half.number < number) {
            self.halves.push_back(Half { number, answered: None, held: None });
        }
        if let Some(half) = self.halves.back_mut() {
            add(&mut half.answered, &latency.answered);
            add(&mut half.held, &latency.held);
        }
    }

    /// Forgets what is too old.
    pub fn lapse(&mut self, now: Time) {
        while self.lapses().is_some_and(|at| at <= now) {
            self.halves.pop_front();
        }
        if self.halves.is_empty() {
            self.halves = VecDeque::new();
        }
    }

    /// When [`Recent::lapse`] next has something to forget.
    pub fn lapses(&self) -> Option<Time> {
        let second = (self.halves.front()?.number + Recent::HALVES) * Recent::HALF;
        Some(Time::ZERO + Duration::from_secs(second))
    }

    /// What is known at `now`.
    pub fn at(&self, now: Time) -> LatencyNow {
        let oldest = (now.second() / Recent::HALF + 1).saturating_sub(Recent::HALVES);
        let halves = || self.halves.iter().filter(|half| half.number >= oldest);
        LatencyNow {
            answered: quantiles(halves().filter_map(|half| half.answered.as_ref())),
            held: quantiles(halves().filter_map(|half| half.held.as_ref())),
        }
    }
}

/// As those who count have it: sixteen buckets to a power of two are one significant digit.
fn empty<T: Counter>() -> Histogram<T> {
    let (least, most) = (bounds::LATENCY_LEAST.as_nanos() as u64, bounds::LATENCY_MOST.as_nanos() as u64);
    Histogram::new_with_bounds(least, most, 1).expect("the bounds are far apart")
}

fn add(histogram: &mut Option<Histogram<u32>>, told: &config::Histogram) {
    for &(took, requests) in told {
        let histogram = histogram.get_or_insert_with(empty);
        let nanos = took.min(bounds::LATENCY_MOST).as_nanos() as u64;
        // Nobody sees as many. Who says so must not make the total another than the sum.
        let room = u32::MAX - histogram.count_at(nanos);
        histogram.saturating_record_n(nanos, u32::try_from(requests).map_or(room, |requests| requests.min(room)));
    }
}

fn quantiles<'a>(histograms: impl Iterator<Item = &'a Histogram<u32>>) -> Option<Quantiles> {
    let mut all = empty::<u64>();
    for step in histograms.flat_map(Histogram::iter_recorded) {
        all.saturating_record_n(step.value_iterated_to(), step.count_at_value().into());
    }
    let mut seconds = all.value_at_quantiles([0.5, 0.9, 0.99]).map(|nanos| nanos as f64 / 1e9);
    let [p50_seconds, p90_seconds, p99_seconds] = [seconds.next()?, seconds.next()?, seconds.next()?];
    (!all.is_empty()).then_some(Quantiles { requests: all.len(), p50_seconds, p90_seconds, p99_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_workload_needs_little_memory_and_a_silent_one_none() {
        let told = vec![(Duration::from_millis(20), 1)];
        let latency = Latency { answered: told.clone(), held: told };
        let mut recent = Recent::default();
        for second in 0..1_000 {
            recent.add(Time::ZERO + Duration::from_secs(second), &latency);
        }
        let counts = empty::<u32>().distinct_values() * size_of::<u32>();
        let all = recent.halves.capacity() * size_of::<Half>() + recent.halves.len() * 2 * counts;
        assert!(recent.halves.len() == 3 && all <= 10 << 10, "{all} bytes, of which {counts} six times");
        recent.lapse(Time::ZERO + Duration::from_secs(2_000));
        assert_eq!(recent.halves.capacity(), 0);
    }
}
