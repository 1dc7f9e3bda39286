//! What one workload's board has to report, and when.

use config::{Report, Time};
use queue_proxy::{Alarm, Counter};

/// Counts held and open requests, and decides when a report cannot wait for the next second.
///
/// A report is due at once when the first request must wait while there is no ready pod, and when more requests are
/// open than the [`Alarm`] allows.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Held requests, and those in pods that have no queue-proxy to count them.
    counter: Counter,
    /// Held requests.
    waiting: u32,
    /// Held and forwarded requests.
    open: u32,
    /// Reports sent; those of `counter` and those that it does not know of share one sequence.
    seq: u64,
    /// What the newest report said.
    reported: Reported,
    alarm: Alarm,
    /// In the list of those with something to report.
    listed: bool,
    /// In the list of those whose report is due at once.
    urgent: bool,
}

#[derive(Debug, Default)]
struct Reported {
    open: u32,
    waiting: u32,
    to: Time,
}

/// Which lists a board must be put on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Due {
    pub(crate) listed: bool,
    pub(crate) urgent: bool,
}

impl Ledger {
    pub(crate) fn new(now: Time) -> Ledger {
        Ledger {
            counter: Counter::new(now),
            waiting: 0,
            open: 0,
            seq: 0,
            reported: Reported::default(),
            alarm: Alarm::default(),
            listed: false,
            urgent: false,
        }
    }

    /// Requests held or forwarded.
    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    /// A request came. Tells whether it is the only one.
    pub(crate) fn arrive(&mut self) -> bool {
        self.open += 1;
        self.open == 1
    }

    /// A request ended. Tells whether it was the last one.
    pub(crate) fn end(&mut self) -> bool {
        debug_assert!(self.open > 0, "ended without having come");
        self.open = self.open.saturating_sub(1);
        self.open == 0
    }

    /// A request must wait.
    pub(crate) fn hold(&mut self, now: Time) {
        self.waiting += 1;
        self.counter.enter(now);
    }

    /// A request waits no longer.
    pub(crate) fn release(&mut self, now: Time) {
        debug_assert!(self.waiting > 0, "released without having been held");
        self.waiting = self.waiting.saturating_sub(1);
        self.counter.leave(now);
    }

    /// A request goes to a pod that nobody else counts for.
    pub(crate) fn enter(&mut self, now: Time) {
        self.counter.arrive(now);
    }

    /// A request is no longer in such a pod; one that is taken back has not been there.
    pub(crate) fn leave(&mut self, now: Time, is_taken_back: bool) {
        if is_taken_back {
            self.counter.take_back(now);
        } else {
            self.counter.leave(now);
        }
    }

    /// Which lists the board belongs on and is not on yet. `asleep` says that requests wait and no pod is ready.
    pub(crate) fn due(&mut self, asleep: bool) -> Due {
        let urgent = !self.urgent && (self.alarm.is_due(self.open) || (asleep && self.reported.waiting == 0));
        self.urgent |= urgent;
        Due { listed: self.list(), urgent }
    }

    /// Puts the board on the list of those with something to report; false if it is there already.
    pub(crate) fn list(&mut self) -> bool {
        !std::mem::replace(&mut self.listed, true)
    }

    /// Takes the board off that list.
    pub(crate) fn unlist(&mut self) {
        self.listed = false;
    }

    /// Sets how many open requests are too many to wait for the next second.
    pub(crate) fn set_watermark(&mut self, watermark: u32) {
        self.alarm.set_watermark(watermark);
    }

    /// Moves the reports that are due to `out`; with `partial` those of the open interval, too. One is always due
    /// while a request is open, and one more after the last ended, which says so.
    pub(crate) fn take(&mut self, now: Time, partial: bool, out: &mut Vec<Report>) {
        let first = out.len();
        let (waiting, in_flight) = (self.waiting, self.counter.level());
        self.counter.take(now, partial, out);
        if out.len() == first && (self.open > 0 || self.reported.open > 0) {
            // The counter has nothing to say: an empty interval that says what is open.
            let at = if partial { now } else { Time::from_nanos(now.second() * 1_000_000_000) };
            let at = at.max(self.reported.to);
            out.push(Report { from: at, to: at, peak: in_flight, in_flight, ..Report::default() });
        }
        for report in &mut out[first..] {
            self.seq += 1;
            report.seq = self.seq;
            report.from = report.from.max(self.reported.to); // nothing was held up to an empty interval
            report.open = self.open.max(report.in_flight);
        }
        if let Some(newest) = out[first..].last_mut() {
            newest.open = self.open;
            newest.waiting = waiting;
            self.reported = Reported { open: self.open, waiting, to: newest.to };
        }
        self.urgent = false;
        self.alarm.told(self.open);
    }

    /// Whether nothing is open and the last report said so.
    pub(crate) fn is_quiet(&self) -> bool {
        self.open == 0 && self.reported.open == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(ledger: &mut Ledger, asleep: bool) -> Due {
        ledger.arrive();
        ledger.due(asleep)
    }

    #[test]
    fn a_burst_of_a_thousand_costs_nine_urgent_reports() {
        let mut ledger = Ledger::new(Time::ZERO);
        ledger.set_watermark(0);
        let mut urgent = 0;
        for _ in 0..1_000 {
            if arrive(&mut ledger, false).urgent {
                urgent += 1;
                ledger.take(Time::ZERO, true, &mut Vec::new());
            }
        }
        assert_eq!(urgent, 9);
    }

    #[test]
    fn a_new_watermark_is_an_alarm_of_its_own() {
        let mut ledger = Ledger::new(Time::ZERO);
        ledger.set_watermark(1);
        assert!(!arrive(&mut ledger, false).urgent);
        assert!(arrive(&mut ledger, false).urgent);
        assert!(!arrive(&mut ledger, false).urgent, "it is on the list already");
        ledger.take(Time::ZERO, true, &mut Vec::new());
        assert!(!arrive(&mut ledger, false).urgent, "not twice as many yet");
        ledger.set_watermark(4);
        assert!(arrive(&mut ledger, false).urgent);
    }

    #[test]
    fn only_the_first_that_waits_while_all_sleep_is_urgent() {
        let mut ledger = Ledger::new(Time::ZERO);
        ledger.hold(Time::ZERO);
        assert_eq!(arrive(&mut ledger, true), Due { listed: true, urgent: true });
        ledger.take(Time::ZERO, true, &mut Vec::new());
        ledger.hold(Time::ZERO);
        assert_eq!(arrive(&mut ledger, true), Due { listed: false, urgent: false });
    }

    #[test]
    fn what_is_forwarded_is_open_but_not_counted_here_and_its_end_is_told_once() {
        let second = |n: u64| Time::from_nanos(n * 1_000_000_000);
        let mut ledger = Ledger::new(Time::ZERO);
        let mut out = Vec::new();
        ledger.arrive();
        ledger.take(second(1), false, &mut out);
        assert_eq!((out.len(), out[0].open, out[0].concurrency_ns, out[0].in_flight), (1, 1, 0, 0));
        ledger.end();
        assert!(!ledger.is_quiet());
        ledger.take(second(2), false, &mut out);
        ledger.take(second(3), false, &mut out);
        assert_eq!((out.len(), out[1].open, out[1].seq), (2, 0, 2));
        assert!(ledger.is_quiet());
    }

    #[test]
    fn the_newest_report_says_how_many_wait() {
        let mut ledger = Ledger::new(Time::ZERO);
        ledger.arrive();
        ledger.hold(Time::ZERO);
        let mut out = Vec::new();
        ledger.take(Time::from_secs_f64(2.5), true, &mut out);
        assert_eq!(out.iter().map(|r| (r.open, r.waiting)).collect::<Vec<_>>(), [(1, 0), (1, 0), (1, 1)]);
        assert_eq!(out.iter().map(|r| r.concurrency_ns).sum::<u64>(), 2_500_000_000);
    }
}
