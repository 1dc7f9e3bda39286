//! The one place where this process's clock becomes a [`Time`].

use config::Time;
use tokio::time::Instant;

/// Turns tokio's clock, which tests can pause, into [`Time`]. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts at [`Time::ZERO`] now.
    pub fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Time {
        self.time_of(Instant::now())
    }

    /// The time at `instant`; instants before the clock's start are its origin.
    #[inline]
    pub fn time_of(&self, instant: Instant) -> Time {
        Time::ZERO + instant.saturating_duration_since(self.origin)
    }

    /// The instant at `time`, to sleep until.
    pub fn instant_of(&self, time: Time) -> Instant {
        self.origin + time.since(Time::ZERO)
    }
}
