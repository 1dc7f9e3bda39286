//! What the reporters of one workload say: its load, and what is open.

use std::collections::HashMap;

use config::link::Reporter;
use config::{Metric, Policy, Report, Time};

use crate::load::Load;

const SECOND: u64 = 1_000_000_000;

/// The reports of one workload, added up.
///
/// A report of the second from 11 to 12, or of a part of it, goes into bucket 12; see [`Load`]. Reports that come late
/// go where they belong as long as that is in the window. One reporter's reports come in order.
#[derive(Clone, Debug)]
pub struct Collector {
    load: Load,
    /// Only reporters that have something open, or an amount recorded ahead.
    reporters: HashMap<Reporter, Heard>,
    sum: Sum,
    idle_since: Option<Time>,
}

/// What reporters have at the end of their last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Requests open in any way. What an activator forwarded and a pod counts is in here twice: good for telling
    /// nothing from something, no more.
    pub open: u64,
    /// Requests in flight, each counted once.
    pub in_flight: u64,
    /// Of those, how many wait for a pod.
    pub waiting: u64,
}

impl Sum {
    fn of(report: &Report) -> Sum {
        Sum { open: report.open.into(), in_flight: report.in_flight.into(), waiting: report.waiting.into() }
    }

    fn swap(&mut self, before: Sum, after: Sum) {
        self.open = self.open - before.open + after.open;
        self.in_flight = self.in_flight - before.in_flight + after.in_flight;
        self.waiting = self.waiting - before.waiting + after.waiting;
    }
}

/// What one reporter said last.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    sum: Sum,
    ahead: Option<Ahead>,
}

/// What was recorded before the second was over, to be taken off what the second turns out to be.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    bucket: u64,
    value: f64,
}

impl Collector {
    /// Nothing heard yet.
    pub fn new(policy: &Policy) -> Collector {
        Collector { load: Load::new(policy), reporters: HashMap::new(), sum: Sum::default(), idle_since: None }
    }

    /// The windows.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// The windows.
    pub fn load_mut(&mut self) -> &mut Load {
        &mut self.load
    }

    /// What is open now.
    pub fn sum(&self) -> Sum {
        self.sum
    }

    /// Whether nothing is open anywhere.
    pub fn is_idle(&self) -> bool {
        self.sum.open == 0
    }

    /// Since when nothing is open; none while something is, or if nothing ever was.
    pub fn idle_since(&self) -> Option<Time> {
        self.idle_since.filter(|_| self.is_idle())
    }

    /// Whether a report shows that somebody is there, which is what wakes a workload.
    pub fn shows_load(report: &Report) -> bool {
        report.peak > 0 || report.in_flight > 0 || report.waiting > 0 || report.arrived > 0 || report.concurrency_ns > 0
    }

    /// Takes in a report.
    pub fn report(&mut self, reporter: &Reporter, report: &Report) {
        let bucket = bucket(report.to);
        let value = self.value(report);
        if value == 0.0 {
            // Whether that is a zero or nothing is for the load to know.
            self.heard(reporter, report);
            return self.settle(reporter, bucket, report.to);
        }
        let ahead = self.heard(reporter, report).ahead.as_mut().filter(|ahead| ahead.bucket == bucket);
        let value = match ahead {
            Some(ahead) => {
                let taken = value.min(ahead.value);
                ahead.value -= taken;
                value - taken
            }
            None => value,
        };
        self.load.record(bucket, value);
        self.settle(reporter, bucket, report.to);
    }

    /// Takes in the report that ends a sleep. In the middle of a second, the number of requests there is recorded at
    /// once, in the bucket of now, for the bucket it belongs to is not looked at before the second is over; what the
    /// second turns out to be then counts less by that much. Knative's activator does the same, with one request.
    pub fn wake(&mut self, reporter: &Reporter, report: &Report) {
        if report.to.as_nanos().is_multiple_of(SECOND) {
            return self.report(reporter, report);
        }
        let value = match self.load.metric() {
            Metric::Concurrency => f64::from(report.in_flight.max(report.waiting).max(1)),
            Metric::Rps => report.arrived.max(1) as f64,
        };
        let bucket = bucket(report.to);
        self.heard(reporter, report).ahead = Some(Ahead { bucket, value });
        self.load.record(report.to.second(), value);
        self.settle(reporter, bucket, report.to);
    }

    /// The reporter has nothing of this workload any more, or is gone.
    pub fn left(&mut self, reporter: &Reporter, now: Time) {
        if let Some(heard) = self.reporters.remove(reporter) {
            self.change(heard.sum, Sum::default(), now);
        }
    }

    /// What a report is worth in its bucket. A second in which somebody was there is worth a trace at least, so that
    /// a request too short to show in the rounded average still counts as load; so is one in which somebody waits,
    /// who is no arrival yet.
    fn value(&self, report: &Report) -> f64 {
        let (value, somebody) = match self.load.metric() {
            Metric::Concurrency => (report.concurrency_ns as f64 / SECOND as f64, Collector::shows_load(report)),
            Metric::Rps => (report.arrived as f64, report.waiting > 0),
        };
        if somebody { value.max(self.load.least()) } else { value }
    }

    fn heard(&mut self, reporter: &Reporter, report: &Report) -> &mut Heard {
        let before = self.reporters.get(reporter).map_or(Sum::default(), |heard| heard.sum);
        self.change(before, Sum::of(report), report.to);
        if self.is_idle() && Collector::shows_load(report) {
            self.idle_since = Some(report.to);
        }
        let heard = self.reporters.entry(reporter.clone()).or_default();
        heard.sum = Sum::of(report);
        heard
    }

    /// Forgets the reporter if there is nothing to remember of it.
    fn settle(&mut self, reporter: &Reporter, bucket: u64, to: Time) {
        if let Some(heard) = self.reporters.get_mut(reporter) {
            let second_is_over = to.second() >= bucket;
            heard.ahead = heard.ahead.filter(|ahead| ahead.bucket >= bucket && !second_is_over);
            if heard.sum == Sum::default() && heard.ahead.is_none() {
                self.reporters.remove(reporter);
            }
        }
    }

    fn change(&mut self, before: Sum, after: Sum, at: Time) {
        let was_open = !self.is_idle();
        self.sum.swap(before, after);
        if was_open && self.is_idle() {
            self.idle_since = Some(at);
        }
    }
}

/// The bucket of what ended at `to`: the number of the whole second that ends then, or next.
fn bucket(to: Time) -> u64 {
    to.as_nanos().div_ceil(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    fn pod(name: &str) -> Reporter {
        Reporter::Pod(config::PodId::new(name))
    }

    /// `concurrency` requests in flight from `from` to `to`.
    fn report(from: f64, to: f64, concurrency: u32) -> Report {
        Report {
            from: at(from),
            to: at(to),
            concurrency_ns: u64::from(concurrency) * at(to).since(at(from)).as_nanos() as u64,
            arrived: concurrency.into(),
            peak: concurrency,
            in_flight: concurrency,
            open: concurrency,
            ..Report::default()
        }
    }

    fn collector(metric: Metric) -> Collector {
        Collector::new(&Policy { metric, ..Policy::default() })
    }

    #[test]
    fn a_second_goes_into_the_bucket_it_ends_at_and_its_parts_and_reporters_add_up() {
        let mut collector = collector(Metric::Concurrency);
        collector.report(&pod("a"), &report(11.0, 11.5, 4));
        collector.report(&pod("a"), &report(11.5, 12.0, 2));
        collector.report(&pod("b"), &report(11.0, 12.0, 7));
        assert_eq!(collector.load().peek(12).stable, 10.0);
        assert_eq!(collector.sum(), Sum { open: 9, in_flight: 9, waiting: 0 });
    }

    #[test]
    fn a_late_report_goes_where_it_belongs() {
        let mut collector = collector(Metric::Concurrency);
        collector.report(&pod("a"), &report(69.0, 70.0, 6));
        collector.report(&pod("b"), &report(10.0, 11.0, 60));
        assert_eq!(collector.load().peek(70).stable, 1.1);
        collector.report(&pod("c"), &report(9.0, 10.0, 60));
        assert_eq!(collector.load().peek(70).stable, 1.1, "older than the window");
    }

    #[test]
    fn what_a_wake_recorded_at_once_is_taken_off_its_second() {
        let mut collector = collector(Metric::Concurrency);
        collector.wake(&pod("a"), &report(11.25, 11.25, 1));
        assert_eq!(collector.load().peek(11).stable, 1.0);
        collector.report(&pod("a"), &report(11.25, 11.5, 2));
        collector.report(&pod("a"), &report(11.5, 12.0, 4));
        // 0.5 + 2 in the second, 1 of it recorded before; two buckets.
        assert_eq!(collector.load().peek(12).stable, 1.25);
        collector.report(&pod("a"), &report(12.0, 13.0, 1));
        assert_eq!(collector.load().peek(13).stable, 1.166667);
    }

    #[test]
    fn a_report_of_nothing_leaves_no_trace() {
        let mut collector = collector(Metric::Concurrency);
        collector.report(&pod("a"), &report(11.0, 12.0, 6));
        collector.report(&pod("a"), &Report { open: 1, ..report(12.0, 12.5, 0) });
        assert_eq!(collector.load().peek(12).stable, 6.0);
        assert!(!collector.is_idle());
    }

    #[test]
    fn a_request_that_waits_counts_for_requests_a_second_too() {
        let mut collector = collector(Metric::Rps);
        let waiting = Report { arrived: 0, waiting: 1, ..report(11.0, 12.0, 1) };
        collector.report(&pod("a"), &waiting);
        assert!(collector.load().peek(12).stable > 0.0);
    }

    #[test]
    fn arrivals_count_for_requests_a_second() {
        let mut collector = collector(Metric::Rps);
        collector.report(&pod("a"), &Report { arrived: 40, ..report(11.0, 12.0, 1) });
        collector.report(&pod("b"), &Report { arrived: 2, ..report(11.0, 12.0, 1) });
        assert_eq!(collector.load().peek(12).stable, 42.0);
    }

    #[test]
    fn it_is_idle_when_nobody_has_anything_open() {
        let mut collector = collector(Metric::Concurrency);
        let forwarded = Report { open: 3, ..report(11.0, 12.0, 0) };
        collector.report(&pod("a"), &forwarded);
        collector.report(&pod("b"), &report(11.0, 12.0, 1));
        collector.left(&pod("b"), at(12.5));
        assert!(!collector.is_idle());
        collector.report(&pod("a"), &report(12.0, 13.0, 0));
        assert_eq!((collector.is_idle(), collector.idle_since()), (true, Some(at(13.0))));
        assert!(collector.reporters.is_empty(), "nothing is remembered of the idle");
    }

    #[test]
    fn a_request_of_ten_microseconds_is_load() {
        let mut collector = collector(Metric::Concurrency);
        collector.load_mut().silence_is_zero_from(10);
        collector.load_mut().averages(80);
        collector.report(&pod("a"), &Report { concurrency_ns: 10_000, peak: 1, arrived: 1, ..report(80.5, 81.0, 0) });
        assert!(collector.load_mut().averages(140).stable > 0.0);
    }
}
