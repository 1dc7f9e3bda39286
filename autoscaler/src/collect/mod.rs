//! What the reporters of one workload say: its load, and what is open.

mod served;
mod sum;

use std::collections::HashMap;
use std::time::Duration;

use config::link::Reporter;
use config::{Metric, Policy, Report, Time};

use self::served::Served;
use crate::line::Line;
use crate::load::Load;

pub use self::sum::Sum;

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
    /// Of what is in flight at pods, how much was said by those whose Link died since.
    stale_at_pods: u64,
    idle_since: Option<Time>,
    served: Served,
    /// While pods are on their way: requests that have waited for longer wait for those pods, and are left out of the
    /// load.
    patience: Option<Duration>,
}

/// What one reporter said last.
#[derive(Clone, Debug, Default)]
struct Heard {
    sum: Sum,
    ahead: Option<Ahead>,
    /// Only while requests wait there.
    line: Option<Box<Line>>,
    /// How many waited for pods on their way when its last report began.
    lined_up_before: u32,
    /// Its Link died since.
    is_stale: bool,
}

/// What was recorded before the second was over, to be taken off what the second turns out to be.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    bucket: u64,
    value: f64,
}

impl Heard {
    fn stale_at_pods(&self) -> u64 {
        if self.is_stale { self.sum.at_pods } else { 0 }
    }
}

impl Collector {
    /// Nothing heard yet.
    pub fn new(policy: &Policy) -> Collector {
        Collector {
            load: Load::new(policy),
            reporters: HashMap::new(),
            sum: Sum::default(),
            stale_at_pods: 0,
            idle_since: None,
            served: Served::default(),
            patience: None,
        }
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

    /// Whether the reporter said that it has something.
    pub fn counts_on(&self, reporter: &Reporter) -> bool {
        self.reporters.contains_key(reporter)
    }

    /// How long a request takes at a pod, of late; none before the first.
    pub fn request_duration(&self) -> Option<Duration> {
        self.served.duration()
    }

    /// From now on leaves requests that have waited for longer than `patience` out of the load: pods are on their way to
    /// them. With none, all requests count again.
    pub fn expect_pods(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// Whether requests are left out that wait for pods on their way.
    pub fn expects_pods(&self) -> bool {
        self.patience.is_some()
    }

    /// How many requests are left out because pods are on their way to them.
    pub fn lined_up(&self, now: Time) -> u64 {
        let Some(patience) = self.patience else { return 0 };
        let lines = self.reporters.values().filter_map(|heard| heard.line.as_ref());
        lines.map(|line| u64::from(line.older_than(patience, now))).sum()
    }

    /// Requests in flight at this moment, but for `lined_up` of them. Those at pods whose Link died are left out: they may
    /// have moved to others, which count them too.
    pub fn in_flight_but(&self, lined_up: u64) -> u64 {
        let heard = Sum { at_pods: self.sum.at_pods - self.stale_at_pods, ..self.sum };
        heard.at_once().saturating_sub(lined_up)
    }

    /// The reporter's Link died: what it said last is what was, until it says something again.
    pub fn lost(&mut self, reporter: &Reporter) {
        if let Some(heard) = self.reporters.get_mut(reporter).filter(|heard| !heard.is_stale) {
            heard.is_stale = true;
            self.stale_at_pods += heard.sum.at_pods;
        }
    }

    /// Whether a report shows that somebody is there, which is what wakes a workload.
    pub fn shows_load(report: &Report) -> bool {
        report.peak > 0 || report.in_flight > 0 || report.waiting > 0 || report.arrived > 0 || report.concurrency_ns > 0
    }

    /// Takes in a report.
    pub fn report(&mut self, reporter: &Reporter, report: &Report) {
        let bucket = bucket(report.to);
        if let Reporter::Pod(_) = reporter {
            self.served.add(report);
        }
        self.heard(reporter, report);
        let value = self.value(reporter, report);
        if value == 0.0 {
            // Whether that is a zero or nothing is for the load to know.
            return self.settle(reporter, bucket, report.to);
        }
        let ahead = self
            .reporters
            .get_mut(reporter)
            .and_then(|heard| heard.ahead.as_mut())
            .filter(|ahead| ahead.bucket == bucket);
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
            self.stale_at_pods -= heard.stale_at_pods();
            self.change(heard.sum, Sum::default(), now);
        }
    }

    /// What a report is worth in its bucket. A second in which somebody was there is worth a trace at least, so that
    /// a request too short to show in the rounded average still counts as load; so is one in which somebody waits,
    /// who is no arrival yet.
    fn value(&self, reporter: &Reporter, report: &Report) -> f64 {
        let (value, somebody) = match self.load.metric() {
            Metric::Concurrency => {
                let all = report.concurrency_ns as f64 / SECOND as f64;
                let left_out = self.reporters.get(reporter).map_or(0.0, |heard| self.left_out(heard, report));
                (all - left_out, Collector::shows_load(report))
            }
            Metric::Rps => (report.arrived as f64, report.waiting > 0),
        };
        if somebody { value.max(self.load.least()) } else { value }
    }

    /// Of a report's load, what waits for pods on their way: the mean of those at its start and at its end.
    fn left_out(&self, heard: &Heard, report: &Report) -> f64 {
        let Some(patience) = self.patience else { return 0.0 };
        let at_end = heard.line.as_ref().map_or(0, |line| line.older_than(patience, report.to));
        f64::from(heard.lined_up_before + at_end) / 2.0 * report.interval().as_secs_f64()
    }

    fn heard(&mut self, reporter: &Reporter, report: &Report) -> &mut Heard {
        let before = self.reporters.get(reporter);
        self.stale_at_pods -= before.map_or(0, Heard::stale_at_pods);
        let before = before.map_or(Sum::default(), |heard| heard.sum);
        let after = Sum::of(reporter, report);
        self.change(before, after, report.to);
        if self.is_idle() && Collector::shows_load(report) {
            self.idle_since = Some(report.to);
        }
        let heard = self.reporters.entry(reporter.clone()).or_default();
        heard.sum = after;
        heard.is_stale = false;
        heard.lined_up_before = match (&heard.line, self.patience) {
            (Some(line), Some(patience)) => line.older_than(patience, report.from),
            _ => 0,
        };
        match report.waiting {
            0 => heard.line = None,
            waiting => heard.line.get_or_insert_default().record(report.to, waiting),
        }
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
mod tests;
