//! What the app has and had in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use super::served::Served;

/// Counts requests, from their head to the last byte of their answer. Relaxed: the app has one thread.
#[derive(Debug)]
pub(super) struct Stats {
    name: String,
    /// What every request takes at least.
    takes: Duration,
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    requests: AtomicU64,
    served: Mutex<Served>,
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
    /// Those that began.
    requests: u64,
    /// Those that came in whole.
    served: u64,
    /// Ids served more than once.
    repeated: u64,
    /// Some of them.
    repeated_ids: Vec<Arc<str>>,
}

impl Stats {
    pub(super) fn new(name: String, takes: Duration) -> Stats {
        Stats {
            name,
            takes,
            in_flight: AtomicU64::new(0),
            max_in_flight: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            served: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What every request takes at least.
    pub(super) fn takes(&self) -> Duration {
        self.takes
    }

    pub(super) fn begin(self: &Arc<Stats>) -> InFlight {
        self.requests.fetch_add(1, Relaxed);
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.max_in_flight.fetch_max(now, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// A request came in whole.
    pub(super) fn served(&self, id: Option<&str>) {
        self.served.lock().record(id);
    }

    /// The ids served, one a line.
    pub(super) fn ids(&self) -> String {
        self.served.lock().lines()
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        let served = self.served.lock();
        Snapshot {
            name: &self.name,
            pid: std::process::id(),
            in_flight: self.in_flight.load(Relaxed),
            max_in_flight: self.max_in_flight.load(Relaxed),
            requests: self.requests.load(Relaxed),
            served: served.count(),
            repeated: served.repeated(),
            repeated_ids: served.examples(),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
