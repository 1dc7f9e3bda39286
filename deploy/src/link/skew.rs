//! How far a reporter's clock is from ours.

use config::{Report, Time, bounds};

const SECOND: i128 = 1_000_000_000;

/// How late a saying can be: who says nothing for longer is dead.
const LATEST: i64 = bounds::LINK_HEARTBEAT.saturating_mul(bounds::LINK_DEAD_AFTER).as_nanos() as i64;

/// A reporter's clock against ours, from the times that it says.
///
/// What it says was true when it was sent: it comes late, never early, so of several sayings the one that puts the
/// clock ahead the most is nearest to the truth, for a while. Times are moved by whole seconds only, because a report
/// must not cross one; whole seconds of clocks that are kept by a time service agree well enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skew {
    /// Nanoseconds that the reporter's clock is ahead, by what it said since `since`; negative if it is behind.
    ahead: Option<i64>,
    /// The same of the time before: it counts until there is enough that is newer.
    before: Option<i64>,
    since: Time,
}

impl Skew {
    /// The reporter says it is `there`, and here it is `here`.
    pub(crate) fn hear(&mut self, there: Time, here: Time) {
        self.learn(ahead(there, here), here);
    }

    /// What is reported up to `there` is over there. A busy reporter says nothing else of its clock. A report that puts
    /// it further ahead than its first word can have been late is wrong itself.
    fn hear_report(&mut self, there: Time, here: Time) {
        let ahead = ahead(there, here);
        if self.known().is_none_or(|known| ahead.saturating_sub(known) <= LATEST) {
            self.learn(ahead, here);
        }
    }

    fn learn(&mut self, ahead: i64, here: Time) {
        if self.ahead.is_none() {
            self.since = here;
        } else if self.since + bounds::LINK_CLOCK_KEPT <= here {
            self.before = self.ahead.take();
            self.since = here;
        }
        self.ahead = self.ahead.max(Some(ahead));
    }

    fn known(&self) -> Option<i64> {
        self.ahead.max(self.before)
    }

    /// Puts `report`, which came when it was `here`, on our clock; false if it then is of the future.
    pub(crate) fn place(&mut self, report: &mut Report, here: Time) -> bool {
        self.hear_report(report.to, here);
        self.shift(report);
        report.to <= here + bounds::REPORT_AHEAD
    }

    /// `there` on our clock, when it is `here`; none if it then is of the future.
    pub(crate) fn place_time(&self, there: Time, here: Time) -> Option<Time> {
        Some(shifted(there, self.seconds())).filter(|time| *time <= here + bounds::REPORT_AHEAD)
    }

    /// `report` on our clock: as it is while the clocks are less than half a second apart.
    fn shift(&self, report: &mut Report) {
        let seconds = self.seconds();
        if seconds != 0 {
            report.from = shifted(report.from, seconds);
            report.to = shifted(report.to, seconds);
        }
    }

    /// Whole seconds that the reporter's clock is ahead, rounded to the nearest.
    fn seconds(&self) -> i128 {
        let ahead = i128::from(self.known().unwrap_or_default());
        (ahead + SECOND / 2).div_euclid(SECOND)
    }
}

/// Nanoseconds that a clock which says `there` is ahead of one that says `here`.
fn ahead(there: Time, here: Time) -> i64 {
    let ahead = i128::from(there.as_nanos()) - i128::from(here.as_nanos());
    i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX })
}

fn shifted(time: Time, seconds_ahead: i128) -> Time {
    let nanos = i128::from(time.as_nanos()) - seconds_ahead * SECOND;
    Time::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a report from second 100.2 to 100.7, of a reporter that says `there` when it is 50 s here.
    fn shifted_by(there: &[f64]) -> (f64, f64) {
        let mut skew = Skew::default();
        there.iter().for_each(|there| skew.hear(Time::from_secs_f64(*there), Time::from_secs_f64(50.0)));
        let (from, to) = (Time::from_secs_f64(100.2), Time::from_secs_f64(100.7));
        let mut report = Report { from, to, ..Report::default() };
        skew.shift(&mut report);
        (report.from.as_secs_f64(), report.to.as_secs_f64())
    }

    #[test]
    fn less_than_half_a_second_is_left_alone() {
        assert_eq!(shifted_by(&[50.4]), (100.2, 100.7));
        assert_eq!(shifted_by(&[49.6]), (100.2, 100.7));
    }

    #[test]
    fn more_is_taken_out_in_whole_seconds() {
        assert_eq!(shifted_by(&[50.6]), (99.2, 99.7));
        assert_eq!(shifted_by(&[47.2]), (103.2, 103.7));
    }

    #[test]
    fn a_hello_that_was_long_on_its_way_is_corrected_by_what_comes_later() {
        assert_eq!(shifted_by(&[48.0, 49.9]), (100.2, 100.7));
        assert_eq!(shifted_by(&[49.9, 48.0]), (100.2, 100.7));
    }

    fn secs(secs: f64) -> Time {
        Time::from_secs_f64(secs)
    }

    #[test]
    fn the_reports_of_a_busy_reporter_correct_a_late_hello_too() {
        let mut skew = Skew::default();
        skew.hear(secs(47.0), secs(50.0));
        assert_eq!(skew.seconds(), -3);
        skew.hear_report(secs(51.0), secs(51.1));
        assert_eq!(skew.seconds(), 0);
        skew.hear_report(secs(20.0), secs(51.2));
        assert_eq!(skew.seconds(), 0, "one that comes again is old");
    }

    #[test]
    fn a_report_from_tomorrow_does_not_count_and_says_nothing_of_the_clock() {
        let mut skew = Skew::default();
        skew.hear(secs(50.0), secs(50.0));
        let mut report = Report { to: secs(86_450.0), ..Report::default() };
        assert!(!skew.place(&mut report, secs(50.0)));
        assert_eq!(skew.seconds(), 0);
        let mut report = Report { to: secs(50.0), ..Report::default() };
        assert!(skew.place(&mut report, secs(50.0)));
    }

    #[test]
    fn a_clock_that_stood_still_for_a_while_is_known_to_be_behind_in_the_end() {
        let mut skew = Skew::default();
        skew.hear(secs(50.0), secs(50.0));
        skew.hear(secs(55.0), secs(155.0));
        assert_eq!(skew.seconds(), 0, "it may have been late");
        for second in 156..=186 {
            skew.hear_report(secs(f64::from(second) - 100.0), secs(f64::from(second)));
        }
        assert_eq!(skew.seconds(), -100);
    }
}
