//! The pause after a write that failed.

use std::time::Duration;

use config::bounds;
use tokio::time::{Instant, sleep_until};

/// Doubles with each failure in a row.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pause: Duration,
    until: Option<Instant>,
}

impl Rest {
    /// Something failed.
    pub(super) fn begin(&mut self) {
        self.pause = (2 * self.pause).clamp(bounds::KUBE_AGAIN_FIRST, bounds::KUBE_AGAIN_SLOWEST);
        self.until = Some(Instant::now() + self.pause);
    }

    /// It went well.
    pub(super) fn end(&mut self) {
        *self = Rest::default();
    }

    /// Whether it may be tried.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }

    /// Waits until a rest that began is over, once. Cancel-safe.
    pub(super) async fn over(&mut self) {
        match self.until {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
        self.until = None;
    }
}
