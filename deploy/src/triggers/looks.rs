//! How much more often than it is polled an object is looked at while it is at zero.

use std::time::Duration;

use config::{Time, bounds};

use crate::sources::{Source, Watch};

/// The looks between two polls: none, unless the object is at zero and one of its sources cannot tell that there is work.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Each source's place in its server's budget.
    watches: Vec<Watch>,
    wanted: bool,
}

impl Looks {
    /// Whether such looks are wanted from now on, at these sources.
    pub(super) fn want(&mut self, wanted: bool, sources: &[Box<dyn Source>]) {
        if wanted != self.wanted {
            let watched = sources.iter().filter(|_| wanted);
            self.watches = watched.filter_map(|source| Some(Watch::new(source.server()?, *source.key()))).collect();
            self.wanted = wanted;
        }
    }

    /// When to look next after `now`: at the next `poll`, or at one of the points that divide the `polling` interval before
    /// it evenly, as many as the budgets of all servers allow.
    pub(super) fn next(&self, poll: Time, polling: Duration, now: Time) -> Time {
        let pause = self.watches.iter().map(Watch::pause).fold(bounds::ZERO_LOOK_PAUSE, Duration::max);
        let fit = u32::try_from(polling.as_nanos() / pause.as_nanos()).unwrap_or(u32::MAX);
        let looks = fit.min(bounds::ZERO_LOOKS);
        if !self.wanted || looks < 2 {
            return poll;
        }
        let apart = polling / looks;
        // Counted from the poll back, so that all who share it share these as well.
        let rest = poll.since(now).as_nanos().saturating_sub(1);
        let before = u32::try_from(rest / apart.as_nanos()).unwrap_or(0);
        poll - apart.saturating_mul(before)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sources::{Key, Server};

    fn watching(questions: u32) -> Looks {
        let server = Arc::new(Server::new("one"));
        let watches = (0..questions).map(|n| Watch::new(&server, Key::new([n.to_le_bytes()]))).collect();
        Looks { watches, wanted: true }
    }

    /// All looks of an object that is polled at 7 s and each `polling` seconds, until its third poll.
    fn seen(looks: &Looks, polling: u64) -> Vec<f64> {
        let (mut now, mut seen) = (Time::ZERO, Vec::new());
        for poll in (0..3).map(|poll| 7 + poll * polling) {
            let poll = Time::from_secs_f64(poll as f64);
            while now < poll {
                now = looks.next(poll, Duration::from_secs(polling), now);
                seen.push(now.as_secs_f64());
            }
        }
        seen
    }

    #[test]
    fn five_looks_a_poll_and_never_within_a_second() {
        assert_eq!(
            seen(&watching(1), 10),
            [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0, 21.0, 23.0, 25.0, 27.0]
        );
        assert_eq!(seen(&watching(1), 3), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0]);
        assert_eq!(seen(&watching(1), 1), [7.0, 8.0, 9.0]);
    }

    #[test]
    fn many_questions_to_one_server_are_looked_at_more_rarely_and_at_last_at_polls_only() {
        assert_eq!(seen(&watching(5 * bounds::ZERO_READS), 10), [2.0, 7.0, 12.0, 17.0, 22.0, 27.0]);
        assert_eq!(seen(&watching(6 * bounds::ZERO_READS), 10), [7.0, 17.0, 27.0]);
    }

    #[test]
    fn whoever_is_awake_is_looked_at_when_it_is_polled() {
        assert_eq!(seen(&Looks::default(), 10), [7.0, 17.0, 27.0]);
    }
}
