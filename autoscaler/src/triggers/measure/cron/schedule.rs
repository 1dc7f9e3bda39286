//! A cron expression of five fields, and the next time that it names.

use std::str::FromStr;

use config::bounds;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// How far back the hours of a day are looked at again, for clocks that are set back.
const SET_BACK: i8 = 3;

/// When something happens: minute, hour, day of the month, month, day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The numbers that one field names, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    bits: u64,
    /// Whether it is `*`: then the other of the two fields for days decides alone.
    any: bool,
}

/// The text is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// It has not five fields.
    #[error("has {0} fields, not five: minute, hour, day of the month, month, day of the week")]
    Fields(usize),
    /// One of them is wrong.
    #[error("has {0:?}, which is not a {1}: write numbers from {2} to {3}, lists 1,2, ranges 1-5, steps */5")]
    Field(String, &'static str, u8, u8),
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl FromStr for Schedule {
    type Err = BadSchedule;

    /// Reads what KEDA's parser (robfig's) reads: no seconds, no `@daily`, Sunday is 0 and not 7, `?` is `*`.
    fn from_str(text: &str) -> Result<Schedule, BadSchedule> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(BadSchedule::Fields(fields.len()));
        };
        Ok(Schedule {
            minutes: Field::read(minutes, "minute", 0, 59, &[])?,
            hours: Field::read(hours, "hour", 0, 23, &[])?,
            days: Field::read(days, "day of the month", 1, 31, &[])?,
            months: Field::read(months, "month", 1, 12, &MONTHS)?,
            weekdays: Field::read(weekdays, "day of the week", 0, 6, &WEEKDAYS)?,
        })
    }
}

impl Field {
    fn read(text: &str, what: &'static str, least: u8, most: u8, names: &[&str]) -> Result<Field, BadSchedule> {
        let bad = || BadSchedule::Field(text.to_owned(), what, least, most);
        let number = |text: &str| {
            let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
            let number = named.map(|index| index as u8 + least).or_else(|| text.parse().ok());
            number.filter(|number| (least..=most).contains(number)).ok_or_else(bad)
        };
        let mut field = Field { bits: 0, any: false };
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|&step| step > 0).ok_or_else(bad)?)),
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if matches!(range, "*" | "?") => {
                    field.any |= step.is_none_or(|step| step == 1);
                    (least, most)
                }
                Some((first, last)) => (number(first)?, number(last)?),
                None if step.is_some() => (number(range)?, most),
                None => (number(range)?, number(range)?),
            };
            if first > last {
                return Err(bad());
            }
            for number in (first..=last).step_by(usize::from(step.unwrap_or(1))) {
                field.bits |= 1 << number;
            }
        }
        Ok(field)
    }

    fn has(self, number: i8) -> bool {
        self.bits >> number & 1 == 1
    }
}

impl Schedule {
    /// The first time after `now` that it names, by the clocks of `zone`; none within [`bounds::CRON_YEARS`]. What the
    /// clocks leave out in spring does not happen; what they repeat in autumn happens twice, as in KEDA.
    pub fn after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(now);
        let first_hour = (today.hour() - SET_BACK).max(0);
        let last = today.date().checked_add(i64::from(bounds::CRON_YEARS).years()).ok()?;
        let mut day = today.date();
        while day <= last {
            let from = if day == today.date() { first_hour } else { 0 };
            if self.has_day(day)
                && let Some(time) = self.within(day, from, now, zone)
            {
                return Some(time);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The first time on `day`, from an hour on, that is after `now`.
    fn within(&self, day: Date, from: i8, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let hours = (from..24).filter(|&hour| self.hours.has(hour));
        let times = hours.flat_map(|hour| (0..60).filter(|&minute| self.minutes.has(minute)).map(move |m| (hour, m)));
        let clocks = times.map(|(hour, minute)| zone.to_ambiguous_timestamp(day.at(hour, minute, 0, 0)));
        let happens = clocks.filter(|clock| !matches!(clock.offset(), AmbiguousOffset::Gap { .. }));
        happens.flat_map(|clock| [clock.earlier(), clock.later()]).flatten().filter(|time| *time > now).min()
    }

    /// Both fields for days must have it; one of them suffices if neither is `*`.
    fn has_day(&self, day: Date) -> bool {
        let in_month = self.days.has(day.day());
        let in_week = self.weekdays.has(day.weekday().to_sunday_zero_offset());
        let either = !self.days.any && !self.weekdays.any;
        self.months.has(day.month()) && if either { in_month || in_week } else { in_month && in_week }
    }
}

#[cfg(test)]
mod tests {
    use super::super::zone;
    use super::*;

    fn next(schedule: &str, zone_name: &str, now: &str) -> Option<String> {
        let schedule: Schedule = schedule.parse().unwrap();
        let now: Timestamp = now.parse().unwrap();
        schedule.after(now, &zone(zone_name).unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn fields_of_all_kinds() {
        let from = "2026-11-25T10:07:30Z"; // a Wednesday
        for (schedule, at) in [
            ("* * * * *", "2026-11-25T10:08:00Z"),
            ("*/5 * * * *", "2026-11-25T10:10:00Z"),
            ("7 10 * * ?", "2026-11-26T10:07:00Z"),
            ("0 0 1 Jan *", "2027-01-01T00:00:00Z"),
            ("0 0 * * Thu", "2026-11-26T00:00:00Z"),
            ("0 0 1 * 5", "2026-11-27T00:00:00Z"), // the first or a Friday
            ("0 0 */2 * 5", "2026-11-27T00:00:00Z"),
            ("30 8-10/2,20 * * *", "2026-11-25T10:30:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ] {
            assert_eq!(next(schedule, "Etc/UTC", from).as_deref(), Some(at), "{schedule}");
        }
        assert_eq!(next("0 0 30 2 *", "Etc/UTC", from), None);
    }

    #[test]
    fn clocks_that_are_set() {
        let york = "America/New_York";
        // Half past two does not exist on the 8th of March.
        assert_eq!(next("30 2 * * *", york, "2026-03-08T05:00:00Z").as_deref(), Some("2026-03-09T06:30:00Z"));
        // Half past one comes twice on the 1st of November.
        assert_eq!(next("30 1 * * *", york, "2026-11-01T04:00:00Z").as_deref(), Some("2026-11-01T05:30:00Z"));
        assert_eq!(next("30 1 * * *", york, "2026-11-01T05:30:00Z").as_deref(), Some("2026-11-01T06:30:00Z"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |text: &str| text.parse::<Schedule>().unwrap_err().to_string();
        assert_eq!(
            problem("0 0 * * 7"),
            "has \"7\", which is not a day of the week: write numbers from 0 to 6, lists 1,2, ranges 1-5, steps */5"
        );
        assert!(problem("0 0 * *").starts_with("has 4 fields, not five"));
        for text in ["60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "a * * * *", ", * * * *", "@daily"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
