//! Looks again and again, until something is so or it has taken too long.

use std::time::Duration;

use config::bounds;
use tokio::time::{Instant, sleep_until};

use super::Say;

/// Waits between two looks, and tells now and then what it waits for.
pub(super) struct Patience {
    until: Instant,
    tells: Instant,
}

impl Patience {
    /// Looks are taken for no longer than `wait`, from now on.
    pub(super) fn new(wait: Duration) -> Patience {
        let now = Instant::now();
        Patience { until: now + wait, tells: now + bounds::INSTALL_TELLS }
    }

    /// Waits until it is time for another look; the answer is whether there is one. `missing` is what the last one found,
    /// as `waiting for …` reads.
    pub(super) async fn looks_again(&mut self, say: Say<'_>, missing: impl FnOnce() -> String) -> bool {
        let now = Instant::now();
        if now >= self.until {
            return false;
        }
        if now >= self.tells {
            say(&format!("  waiting for {}", missing()));
            self.tells = now + bounds::INSTALL_TELLS;
        }
        sleep_until(self.until.min(now + bounds::INSTALL_LOOKS)).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_tells_now_and_then_and_ends_with_a_look() {
        let mut lines = Vec::new();
        let mut say = |line: &str| lines.push(line.to_owned());
        let begin = Instant::now();
        let mut patience = Patience::new(Duration::from_millis(11_100));
        let mut last = begin;
        while patience.looks_again(&mut say, || "pods".to_owned()).await {
            last = Instant::now();
        }
        assert_eq!(last - begin, Duration::from_millis(11_100), "the last look is when the time is over");
        assert_eq!(lines, ["  waiting for pods", "  waiting for pods"]);
    }
}
