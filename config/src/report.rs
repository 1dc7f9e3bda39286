//! What one counter saw in one interval.

use std::time::Duration;

use crate::Time;

/// One interval of one counter. Concurrency adds up over all counters of a workload, because a request is in exactly
/// one of them at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Counts up from 1 within one reporter; an [`crate::link::Down::Ack`] names it.
    pub seq: u64,
    /// Where the interval starts: where the one before ended.
    pub from: Time,
    /// Where it ends. Never crosses a whole second, so that a report falls into one bucket.
    pub to: Time,
    /// ∫ concurrency dt over the interval, in request-nanoseconds. Divided by the interval it is the concurrency.
    pub concurrency_ns: u64,
    /// Requests admitted (by an activator: only those for pods without a queue-proxy). A refusal is no arrival.
    pub arrived: u64,
    /// The largest number in flight at one moment.
    pub peak: u32,
    /// In flight at `to`, as this counter counts: what `concurrency_ns` integrates.
    pub in_flight: u32,
    /// Of those at `to`, how many wait: held by an activator, or in the line of a queue-proxy.
    pub waiting: u32,
    /// Requests open at `to` at this reporter in any way: for an activator also those that it forwarded and that a
    /// pod counts. A workload is idle when this is 0 everywhere.
    pub open: u32,
    /// Connections open at `to` that did not come from an activator.
    pub direct_connections: u32,
    /// Requests since the last report that did not come from an activator: refused ones too, for they tell as well that
    /// clients still find their way here.
    pub direct: u64,
}

impl Report {
    /// The length of the interval.
    pub fn interval(&self) -> Duration {
        self.to.since(self.from)
    }

    /// Concurrency averaged over the interval; of an empty interval, what is in flight now.
    pub fn concurrency(&self) -> f64 {
        match self.interval().as_nanos() {
            0 => f64::from(self.in_flight),
            nanos => self.concurrency_ns as f64 / nanos as f64,
        }
    }
}
