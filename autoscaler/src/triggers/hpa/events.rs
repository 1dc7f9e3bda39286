//! What was changed, for the policies, which allow so much a period.

use std::collections::VecDeque;
use std::time::Duration;

use config::{Time, bounds};

/// Changes of scale in one direction, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Events(VecDeque<(Time, u32)>);

impl Events {
    /// `pods` came or went at `now`; what is older than `longest` is forgotten.
    pub(super) fn record(&mut self, pods: u32, now: Time, longest: Duration) {
        while self.0.front().is_some_and(|(at, _)| now.since(*at) >= longest) {
            self.0.pop_front();
        }
        let is_full = self.0.len() >= bounds::SCALE_EVENTS;
        match self.0.back_mut().filter(|_| is_full) {
            // The later time holds: what is counted for too long allows too little, never too much.
            Some(last) => *last = (now, last.1.saturating_add(pods)),
            None => self.0.push_back((now, pods)),
        }
    }

    /// How many pods changed less than `period` ago.
    pub(super) fn within(&self, period: Duration, now: Time) -> u32 {
        let recent = self.0.iter().rev().take_while(|(at, _)| now.since(*at) < period);
        recent.fold(0, |sum, (_, pods)| sum.saturating_add(*pods))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_for_a_period_and_not_at_its_end() {
        let mut events = Events::default();
        let minute = Duration::from_secs(60);
        events.record(2, Time::ZERO, minute);
        assert_eq!(events.within(minute, Time::from_secs_f64(59.9)), 2);
        assert_eq!(events.within(minute, Time::from_secs_f64(60.0)), 0);
    }

    #[test]
    fn there_is_a_bound() {
        let mut events = Events::default();
        for second in 0..10 * bounds::SCALE_EVENTS {
            events.record(1, Time::from_secs_f64(second as f64), Duration::MAX);
        }
        assert_eq!(events.0.len(), bounds::SCALE_EVENTS);
        assert_eq!(events.within(Duration::MAX, Time::from_secs_f64(1e6)) as usize, 10 * bounds::SCALE_EVENTS);
    }
}
