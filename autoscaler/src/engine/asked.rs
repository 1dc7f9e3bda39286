//! What the platform was asked for.

use std::time::Duration;

use config::{Route, Time};

use super::backoff::Backoff;

/// How many pods the platform was asked for.
#[derive(Debug)]
pub(super) struct Replicas {
    pub(super) asked: u32,
    /// A call failed: nobody knows whether it has that.
    pub(super) unsure: bool,
    pub(super) backoff: Backoff,
    /// Somebody else asked for that, last.
    foreign: Option<Foreign>,
}

/// Somebody else asked for another number of pods.
#[derive(Clone, Copy, Debug)]
struct Foreign {
    at: Time,
    /// It was not the first time within a stable window.
    insists: bool,
}

impl Replicas {
    /// So many so far.
    pub(super) fn new(asked: u32) -> Replicas {
        Replicas { asked, unsure: false, backoff: Backoff::default(), foreign: None }
    }

    /// Somebody else asked for so many.
    pub(super) fn changed(&mut self, pods: u32, stable_window: Duration, now: Time) {
        let insists = self.foreign.is_some_and(|before| now.since(before.at) < stable_window);
        self.foreign = Some(Foreign { at: now, insists });
        (self.asked, self.unsure) = (pods, false);
        self.backoff.retry();
    }

    /// How long what somebody else asked for is still kept from becoming `pods`: for a stable window nothing lowers it,
    /// and when they insist nothing raises it either, for that would be a fight.
    pub(super) fn kept(&self, pods: u32, stable_window: Duration, now: Time) -> Option<Duration> {
        let foreign = self.foreign?;
        let rest = stable_window.saturating_sub(now.since(foreign.at));
        let may_raise = pods > self.asked && !foreign.insists;
        (!rest.is_zero() && pods != self.asked && !may_raise).then_some(rest)
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
