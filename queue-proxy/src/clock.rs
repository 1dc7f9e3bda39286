//! The one place where this process's clock becomes a [`Time`].

use std::time::{SystemTime, UNIX_EPOCH};

use config::Time;
use tokio::time::Instant;

/// Turns tokio's clock, which tests can pause, into [`Time`]. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// What time it was then.
    started: Time,
}

impl Clock {
    /// A clock that starts at [`Time::ZERO`] now.
    pub fn start() -> Clock {
        Clock { origin: Instant::now(), started: Time::ZERO }
    }

    /// A clock that says how long ago 1970 began, as far as this machine knows now; later corrections of the machine's
    /// clock do not move it. Processes that exchange times use it.
    pub fn wall() -> Clock {
        Clock { origin: Instant::now(), started: Clock::machine_time() }
    }

    /// What time the machine's clock says, with whatever corrections it has had: for dates that others wrote.
    pub fn machine_time() -> Time {
        Time::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Time {
        self.time_of(Instant::now())
    }

    /// The time at `instant`; instants before the clock's start are its origin.
    #[inline]
    pub fn time_of(&self, instant: Instant) -> Time {
        self.started + instant.saturating_duration_since(self.origin)
    }

    /// The instant at `time`, to sleep until.
    pub fn instant_of(&self, time: Time) -> Instant {
        self.origin + time.since(self.started)
    }
}
