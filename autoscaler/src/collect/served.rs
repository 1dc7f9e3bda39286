//! How long requests take.

use std::time::Duration;

use config::Report;

/// How long requests take at pods: newer reports weigh more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Served {
    nanos: f64,
    requests: f64,
}

impl Served {
    /// How much of the past each report leaves.
    const KEPT: f64 = 0.99;

    pub(super) fn add(&mut self, report: &Report) {
        self.nanos = self.nanos * Served::KEPT + report.concurrency_ns as f64;
        self.requests = self.requests * Served::KEPT + report.arrived as f64;
    }

    /// The mean; none before the first request came.
    pub(super) fn duration(&self) -> Option<Duration> {
        (self.requests > 0.0).then(|| Duration::from_nanos((self.nanos / self.requests) as u64))
    }
}
