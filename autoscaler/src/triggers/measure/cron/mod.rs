//! Cron: so many pods between two times that come again.

mod schedule;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

pub use self::schedule::{BadSchedule, Schedule};

use crate::triggers::metadata::Cron;
use crate::triggers::{Reading, names};

/// A window of time that comes again.
#[derive(Clone, Debug)]
pub struct Window {
    zone: TimeZone,
    start: Schedule,
    end: Schedule,
    desired: u32,
}

/// There is no such time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a time zone: write a name of the IANA database, as in Europe/Zurich or Etc/UTC")]
pub struct NoSuchZone;

/// A trigger describes no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWindow {
    /// `timezone` is none.
    #[error("timezone {0}")]
    Zone(#[from] NoSuchZone),
    /// `start` or `end` is no schedule.
    #[error("{0} {1}")]
    Schedule(&'static str, BadSchedule),
}

/// Looks a time zone up in the database that Rouse carries.
///
/// # Errors
/// It has no zone of that name.
pub fn zone(name: &str) -> Result<TimeZone, NoSuchZone> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| NoSuchZone)
}

impl Window {
    /// `desired` pods from each `start` to the next `end`, by the clocks of `zone`.
    pub fn new(zone: TimeZone, start: Schedule, end: Schedule, desired: u32) -> Window {
        Window { zone, start, end, desired }
    }

    /// The window of a trigger.
    ///
    /// # Errors
    /// Its time zone or one of its schedules is none.
    pub fn of(cron: &Cron) -> Result<Window, BadWindow> {
        let read = |name, text: &str| text.parse().map_err(|problem| BadWindow::Schedule(name, problem));
        let (start, end) = (read("start", &cron.start)?, read("end", &cron.end)?);
        Ok(Window::new(zone(&cron.timezone)?, start, end, cron.desired))
    }

    /// What the window says at `now` (seconds since 1970), and when that will be over.
    pub fn at(&self, now: i64) -> (Reading, Option<i64>) {
        let now = Timestamp::from_second(now).unwrap_or(Timestamp::MAX);
        let start = self.start.after(now, &self.zone).map(Timestamp::as_second);
        let end = self.end.after(now, &self.zone).map(Timestamp::as_second);
        let change = [start, end].into_iter().flatten().min();
        (inside(start, end, self.desired), change)
    }
}

/// What a window says whose next start and end come at these times (none: never). It is open when its end comes first:
/// not `start < end`, as in KEDA. The target of one pod is 1, so that `desired` pods are proposed.
pub fn inside(start: Option<i64>, end: Option<i64>, desired: u32) -> Reading {
    let active = start.unwrap_or(i64::MAX) >= end.unwrap_or(i64::MAX);
    Reading::Value { metric: if active { f64::from(desired) } else { 0.0 }, active }
}

/// The metric's name: the zone and both schedules, with words for what may not stand in a name.
pub fn name(zone: &str, start: &str, end: &str) -> String {
    let word = |schedule: &str| {
        schedule.replace(' ', "").replace('*', "x").replace('/', "Sl").replace(',', "Cm").replace('?', "Qm")
    };
    names::normalized(&format!("cron-{zone}-{}-{}", word(start), word(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(zone_name: &str, start: &str, end: &str) -> Window {
        Window::new(zone(zone_name).unwrap(), start.parse().unwrap(), end.parse().unwrap(), 3)
    }

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_working_day_in_zurich() {
        let window = window("Europe/Zurich", "0 8 * * 1-5", "0 18 * * 1-5");
        let monday = |time: &str| window.at(second(&format!("2026-11-23T{time}Z")));
        let open = Reading::Value { metric: 3.0, active: true };
        let closed = Reading::Value { metric: 0.0, active: false };
        assert_eq!(monday("06:59:59"), (closed.clone(), Some(second("2026-11-23T07:00:00Z"))));
        assert_eq!(monday("07:00:00"), (open, Some(second("2026-11-23T17:00:00Z"))));
        assert_eq!(monday("17:00:00"), (closed, Some(second("2026-11-24T07:00:00Z"))));
    }

    #[test]
    fn a_window_over_midnight() {
        let window = window("Etc/UTC", "0 22 * * *", "0 6 * * *");
        assert!(matches!(window.at(second("2026-11-23T23:00:00Z")).0, Reading::Value { active: true, .. }));
        assert!(matches!(window.at(second("2026-11-23T12:00:00Z")).0, Reading::Value { active: false, .. }));
    }

    #[test]
    fn a_zone_that_does_not_exist() {
        assert_eq!(zone("Europe/Züri").unwrap_err(), NoSuchZone);
    }
}
