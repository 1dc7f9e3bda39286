//! Exact accounting of requests: ∫ concurrency dt, arrivals and the peak, cut at whole seconds.

use std::collections::VecDeque;

use config::{Report, Time, bounds};

/// Counts one place in which requests can be.
///
/// Law: over any requests, the sum of `concurrency_ns` over all reports up to a time is the sum of the time that each
/// request spent here, to the nanosecond; and the sum of `arrived` is the number of requests that came, less those
/// that were taken back.
///
/// Reports that nobody takes are kept for [`bounds::REPORTS_KEPT`] seconds; older ones are forgotten.
#[derive(Debug)]
pub struct Counter {
    seq: u64,
    level: u32,
    /// Arrivals taken back too late, when their interval had closed: as many to come are not counted.
    owed: u64,
    current: Interval,
    closed: VecDeque<Report>,
}

/// The interval that is still open.
#[derive(Debug)]
struct Interval {
    from: Time,
    /// Up to where `area` has been added up.
    last: Time,
    /// The whole second after `from`, where the interval must end.
    end: Time,
    area: u64,
    arrived: u64,
    peak: u32,
}

impl Interval {
    fn start(from: Time, level: u32) -> Interval {
        let end = Time::from_nanos((from.second() + 1) * 1_000_000_000);
        Interval { from, last: from, end, area: 0, arrived: 0, peak: level }
    }

    fn is_empty(&self) -> bool {
        self.area == 0 && self.arrived == 0 && self.peak == 0
    }
}

impl Counter {
    /// A counter of nothing, from `now` on.
    pub fn new(now: Time) -> Counter {
        Counter { seq: 0, level: 0, owed: 0, current: Interval::start(now, 0), closed: VecDeque::new() }
    }

    /// How many are here.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// One more is here, and counts as an arrival.
    #[inline]
    pub fn arrive(&mut self, now: Time) {
        self.advance(now);
        match self.owed.checked_sub(1) {
            Some(owed) => self.owed = owed,
            None => self.current.arrived += 1,
        }
        self.raise();
    }

    /// One less is here, and it counts as an arrival elsewhere: one that arrived here is taken back. If its interval
    /// is closed the next arrival is not counted instead.
    pub fn take_back(&mut self, now: Time) {
        self.leave(now);
        match self.current.arrived.checked_sub(1) {
            Some(arrived) => self.current.arrived = arrived,
            None => self.owed += 1,
        }
    }

    /// One more is here that another counter counts as an arrival.
    #[inline]
    pub fn enter(&mut self, now: Time) {
        self.advance(now);
        self.raise();
    }

    /// One less is here.
    #[inline]
    pub fn leave(&mut self, now: Time) {
        self.advance(now);
        debug_assert!(self.level > 0, "left without having come");
        self.level = self.level.saturating_sub(1);
    }

    fn raise(&mut self) {
        self.level += 1;
        self.current.peak = self.current.peak.max(self.level);
    }

    /// Moves every interval that ended by `now` to `out`, and the open one too if `partial`. The caller fills in
    /// [`Report::waiting`], [`Report::open`] and [`Report::direct_connections`], which this counter does not know.
    ///
    /// An interval in which nothing was here is not reported at all.
    pub fn take(&mut self, now: Time, partial: bool, out: &mut Vec<Report>) {
        self.advance(now);
        if partial && !self.current.is_empty() {
            self.close(now.max(self.current.last));
        }
        out.extend(self.closed.drain(..));
    }

    /// Brings the area up to `now`, closing intervals at whole seconds. A clock that steps back adds nothing.
    #[inline]
    fn advance(&mut self, now: Time) {
        if now >= self.current.end {
            self.cross(now);
        }
        if now > self.current.last {
            self.current.area += u64::from(self.level) * (now.as_nanos() - self.current.last.as_nanos());
            self.current.last = now;
        }
    }

    #[cold]
    fn cross(&mut self, now: Time) {
        while now >= self.current.end {
            let end = self.current.end;
            self.current.area += u64::from(self.level) * (end.as_nanos() - self.current.last.as_nanos());
            self.current.last = end;
            if self.level == 0 && self.current.is_empty() {
                // Nobody was here: the silence up to `now` needs no reports.
                self.current = Interval::start(now, 0);
                return;
            }
            self.close(end);
        }
    }

    fn close(&mut self, to: Time) {
        self.seq += 1;
        if self.closed.len() == bounds::REPORTS_KEPT {
            self.closed.pop_front();
        }
        self.closed.push_back(Report {
            seq: self.seq,
            from: self.current.from,
            to,
            concurrency_ns: self.current.area,
            arrived: self.current.arrived,
            peak: self.current.peak,
            in_flight: self.level,
            ..Report::default()
        });
        self.current = Interval::start(to, self.level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reports(counter: &mut Counter, now: Time) -> Vec<Report> {
        let mut out = Vec::new();
        counter.take(now, true, &mut out);
        out
    }

    #[test]
    fn an_interval_never_crosses_a_whole_second() {
        let mut counter = Counter::new(Time::from_secs_f64(0.5));
        counter.arrive(Time::from_secs_f64(0.75));
        let out = reports(&mut counter, Time::from_secs_f64(2.25));
        let cuts: Vec<_> = out.iter().map(|r| (r.from.as_secs_f64(), r.to.as_secs_f64(), r.concurrency_ns)).collect();
        assert_eq!(cuts, [(0.5, 1.0, 250_000_000), (1.0, 2.0, 1_000_000_000), (2.0, 2.25, 250_000_000)]);
        assert_eq!(out.iter().map(|r| r.arrived).sum::<u64>(), 1);
        assert_eq!(out.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn silence_is_not_reported() {
        let mut counter = Counter::new(Time::ZERO);
        assert!(reports(&mut counter, Time::from_secs_f64(86_400.0)).is_empty());
        counter.arrive(Time::from_secs_f64(86_400.5));
        counter.leave(Time::from_secs_f64(86_400.5));
        let out = reports(&mut counter, Time::from_secs_f64(90_000.0));
        assert_eq!((out.len(), out[0].arrived, out[0].peak, out[0].concurrency_ns), (1, 1, 1, 0));
    }

    #[test]
    fn an_arrival_that_was_reported_before_it_was_taken_back_is_owed() {
        let mut counter = Counter::new(Time::ZERO);
        let arrived = |counter: &mut Counter, at: f64| -> u64 {
            reports(counter, Time::from_secs_f64(at)).iter().map(|report| report.arrived).sum()
        };
        counter.arrive(Time::ZERO);
        counter.take_back(Time::ZERO);
        assert_eq!(arrived(&mut counter, 1.0), 0);
        counter.arrive(Time::from_secs_f64(1.5));
        assert_eq!(arrived(&mut counter, 2.0), 1);
        counter.take_back(Time::from_secs_f64(2.5));
        counter.arrive(Time::from_secs_f64(2.5));
        assert_eq!(arrived(&mut counter, 3.0), 0, "the one that was told too many");
        counter.arrive(Time::from_secs_f64(3.5));
        assert_eq!(arrived(&mut counter, 4.0), 1);
    }

    #[test]
    fn reports_that_nobody_takes_are_bounded() {
        let mut counter = Counter::new(Time::ZERO);
        counter.arrive(Time::ZERO);
        let out = reports(&mut counter, Time::from_secs_f64(3_600.0));
        assert_eq!(out.len(), bounds::REPORTS_KEPT);
        assert_eq!(out.last().unwrap().to, Time::from_secs_f64(3_600.0));
    }

    proptest! {
        /// Over random stays, the sum counted is the sum spent.
        #[test]
        fn the_sum_counted_is_the_sum_spent(
            stays in prop::collection::vec((0u64..5_000_000_000, 0u64..3_000_000_000), 0..60),
            taken in prop::collection::vec(0u64..8_000_000_000, 0..10),
        ) {
            enum Step { Come, Go, Take }
            let mut steps: Vec<(u64, u8, Step)> = Vec::new();
            for &(at, stay) in &stays {
                steps.push((at, 0, Step::Come));
                steps.push((at + stay, 1, Step::Go));
            }
            steps.extend(taken.iter().map(|&at| (at, 2, Step::Take)));
            steps.sort_by_key(|&(at, order, _)| (at, order));
            let mut counter = Counter::new(Time::ZERO);
            let mut out = Vec::new();
            for (at, _, step) in &steps {
                let now = Time::from_nanos(*at);
                match step {
                    Step::Come => counter.arrive(now),
                    Step::Go => counter.leave(now),
                    Step::Take => counter.take(now, true, &mut out),
                }
            }
            counter.take(Time::from_nanos(10_000_000_000), true, &mut out);
            prop_assert_eq!(counter.level(), 0);
            prop_assert_eq!(out.iter().map(|r| r.concurrency_ns).sum::<u64>(), stays.iter().map(|s| s.1).sum::<u64>());
            prop_assert_eq!(out.iter().map(|r| r.arrived).sum::<u64>(), stays.len() as u64);
            prop_assert!(out.windows(2).all(|w| w[0].to <= w[1].from && w[0].seq + 1 == w[1].seq));
        }
    }
}
