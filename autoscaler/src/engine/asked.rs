//! What the platform was asked for.

use config::{Route, Time};

use super::backoff::Backoff;

/// How many pods the platform was asked for.
#[derive(Debug)]
pub(super) struct Replicas {
    pub(super) asked: u32,
    /// A call failed: nobody knows whether it has that.
    pub(super) unsure: bool,
    pub(super) backoff: Backoff,
}

impl Replicas {
    /// So many so far.
    pub(super) fn new(asked: u32) -> Replicas {
        Replicas { asked, unsure: false, backoff: Backoff::default() }
    }
}

/// Whether the activator was asked to be in the path.
#[derive(Debug, Default)]
pub(super) struct Path {
    pub(super) asked: Option<Route>,
    pub(super) true_since: Option<Time>,
    pub(super) backoff: Backoff,
    /// Since when the burst capacity has sufficed without the activator, with room to spare.
    pub(super) roomy_since: Option<Time>,
    /// Clients reach, or may reach, pods directly that are to be turned away.
    pub(super) leaves: bool,
}

impl Path {
    /// What was asked for.
    pub(super) fn route(&self) -> Route {
        self.asked.unwrap_or(Route::Activator)
    }

    /// Whether that is true everywhere.
    pub(super) fn is_true(&self) -> bool {
        self.true_since.is_some()
    }
}
