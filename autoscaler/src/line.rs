//! How many requests have waited for how long.

use std::collections::VecDeque;
use std::time::Duration;

use config::{Time, bounds};

/// One reporter's line of waiting requests, as its reports tell of it. The line is first in, first out: what it was never
/// shorter than since some moment has waited since then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Since when how many have waited, both ascending; at most one a second.
    waited: VecDeque<(Time, u32)>,
}

impl Line {
    /// So many wait at `at`, no earlier than the last.
    pub(crate) fn record(&mut self, at: Time, waiting: u32) {
        let mut since = at;
        while let Some((longer_since, _)) = self.waited.pop_back_if(|&mut (_, longer)| longer >= waiting) {
            since = longer_since;
        }
        if self.waited.back().is_none_or(|&(last, _)| last.second() != since.second()) {
            if self.waited.len() == bounds::LINE_MOMENTS {
                self.waited.pop_front();
            }
            self.waited.push_back((since, waiting));
        }
    }

    /// How many have waited for `age` or longer at `now`.
    pub(crate) fn older_than(&self, age: Duration, now: Time) -> u32 {
        let then = now - age;
        self.waited.iter().take_while(|&&(since, _)| since <= then).last().map_or(0, |&(_, waiting)| waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(100.0 + seconds)
    }

    #[test]
    fn a_line_that_grows_is_as_old_as_it_was_short() {
        let mut line = Line::default();
        for second in 0..10_u32 {
            line.record(at(f64::from(second)), 20 * (second + 1));
        }
        let one = Duration::from_secs(1);
        assert_eq!(line.older_than(one, at(9.0)), 180);
        assert_eq!(line.older_than(5 * one, at(9.0)), 100);
        assert_eq!(line.older_than(60 * one, at(9.0)), 0, "nobody waited then");
        line.record(at(9.5), 30);
        assert_eq!(line.older_than(one, at(9.6)), 30, "the others were served");
        for second in 10..20_u32 {
            line.record(at(f64::from(second)), 30);
        }
        assert_eq!(line.older_than(10 * one, at(19.0)), 30, "the same wait on");
        line.record(at(20.0), 0);
        assert_eq!(line.older_than(one, at(20.5)), 0);
    }

    #[test]
    fn it_remembers_no_more_than_its_bound() {
        let mut line = Line::default();
        for second in 0..1_000_u32 {
            line.record(at(f64::from(second)), second);
        }
        assert_eq!(line.waited.len(), bounds::LINE_MOMENTS);
    }
}
