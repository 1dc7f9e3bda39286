//! When a pod that ended by itself is started again.

use std::time::Duration;

use config::bounds;

/// The history of one slot's pods.
#[derive(Debug)]
pub(super) struct Restarts {
    /// Ends in a row without ever being ready.
    exits: u32,
    pause: Duration,
}

impl Default for Restarts {
    fn default() -> Restarts {
        Restarts { exits: 0, pause: bounds::RESTART_FIRST }
    }
}

impl Restarts {
    /// A pod that was never ready ended. Says how often in a row that was so.
    pub(super) fn ended_before_ready(&mut self) -> u32 {
        self.exits = self.exits.saturating_add(1);
        self.exits
    }

    /// A pod ended after having been ready for `ready`. One that was ready for longer than the longest pause had been
    /// well: the pauses begin anew.
    pub(super) fn ended_after_ready(&mut self, ready: Duration) {
        self.exits = 0;
        if ready >= bounds::RESTART_SLOWEST {
            self.pause = bounds::RESTART_FIRST;
        }
    }

    /// The pause before the next start; the one after it is twice as long.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(bounds::RESTART_SLOWEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_slowest() {
        let mut restarts = Restarts::default();
        let pauses: Vec<_> = (0..9).map(|_| restarts.pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    }

    #[test]
    fn only_a_pod_that_was_well_for_long_starts_the_pauses_anew() {
        let mut restarts = Restarts::default();
        assert_eq!((restarts.pause(), restarts.pause()), (Duration::from_millis(100), Duration::from_millis(200)));
        restarts.ended_after_ready(Duration::from_secs(1));
        assert_eq!(restarts.pause(), Duration::from_millis(400));
        restarts.ended_after_ready(bounds::RESTART_SLOWEST);
        assert_eq!(restarts.pause(), bounds::RESTART_FIRST);
    }

    #[test]
    fn having_been_ready_ends_the_row_of_exits() {
        let mut restarts = Restarts::default();
        assert_eq!((restarts.ended_before_ready(), restarts.ended_before_ready()), (1, 2));
        restarts.ended_after_ready(Duration::ZERO);
        assert_eq!(restarts.ended_before_ready(), 1);
    }
}
