//! Until when a request may take.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use config::Serving;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a workload's requests may take. Zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// From a request's arrival to the last byte of its response.
    pub total: Duration,
    /// From a request's arrival to the first byte of its response.
    pub response_start: Duration,
    /// The longest pause between bytes of a response; before its first byte, since it was given to the app.
    pub idle: Duration,
}

impl From<&Serving> for Timeouts {
    fn from(serving: &Serving) -> Timeouts {
        Timeouts { total: serving.timeout, response_start: serving.response_start_timeout, idle: serving.idle_timeout }
    }
}

/// The [`Timeouts`] of one request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadlines {
    /// When the last byte of the response is due.
    pub(crate) total: Option<Instant>,
    /// When the first byte of the response is due; never after `total`.
    pub(crate) response_start: Option<Instant>,
    /// The longest pause between two bytes.
    pub(crate) idle: Option<Duration>,
}

impl Deadlines {
    /// The deadlines of a request that arrived at `arrival`.
    #[inline]
    pub fn new(timeouts: Timeouts, arrival: Instant) -> Deadlines {
        let after = |timeout: Duration| (!timeout.is_zero()).then(|| arrival.checked_add(timeout)).flatten();
        let total = after(timeouts.total);
        Deadlines {
            total,
            response_start: earlier(after(timeouts.response_start), total),
            idle: (!timeouts.idle.is_zero()).then_some(timeouts.idle),
        }
    }

    /// When a request must have been given to an app at the latest: its response could not start in time later on.
    pub fn response_start(&self) -> Option<Instant> {
        self.response_start
    }

    /// When the first byte is due of a request that is given to the app at `now`.
    pub(crate) fn first_byte(&self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        match self.idle {
            None => self.response_start,
            Some(idle) => earlier(self.response_start, now().checked_add(idle)),
        }
    }
}

/// The earlier of two deadlines, of which none is never.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A timer that is not there before it is first needed: most requests need none.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once `due`, which may be another than the last time, has passed.
    pub(crate) fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_is_due_at_the_earliest_of_the_three() {
        let now = Instant::now();
        let due = |total, response_start, idle| {
            let timeouts =
                Timeouts { total: seconds(total), response_start: seconds(response_start), idle: seconds(idle) };
            Deadlines::new(timeouts, now).first_byte(|| now + seconds(1)).map(|at| at - now)
        };
        assert_eq!(due(300, 300, 0), Some(seconds(300)));
        assert_eq!(due(300, 10, 0), Some(seconds(10)));
        assert_eq!(due(5, 10, 0), Some(seconds(5)));
        assert_eq!(due(300, 10, 3), Some(seconds(4)), "a pause starts when the app has the request");
        assert_eq!(due(0, 0, 0), None, "zero is no limit");
    }
}
