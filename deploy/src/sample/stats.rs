//! What the app has and had in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Counts requests, from their head to the last byte of their answer. Relaxed: the app has one thread.
#[derive(Debug)]
pub(super) struct Stats {
    name: String,
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    requests: AtomicU64,
}

/// One request in flight; counts until dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Stats>);

/// As `/stats` says it.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot<'a> {
    name: &'a str,
    pid: u32,
    in_flight: u64,
    max_in_flight: u64,
    requests: u64,
}

impl Stats {
    pub(super) fn new(name: String) -> Stats {
        Stats { name, in_flight: AtomicU64::new(0), max_in_flight: AtomicU64::new(0), requests: AtomicU64::new(0) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn begin(self: &Arc<Stats>) -> InFlight {
        self.requests.fetch_add(1, Relaxed);
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.max_in_flight.fetch_max(now, Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            name: &self.name,
            pid: std::process::id(),
            in_flight: self.in_flight.load(Relaxed),
            max_in_flight: self.max_in_flight.load(Relaxed),
            requests: self.requests.load(Relaxed),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
