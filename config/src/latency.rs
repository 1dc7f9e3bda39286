//! How long requests took.

use std::time::Duration;

/// How many took how long, in any order. Who counts puts similar durations together: each stands for those that took as
/// long, or up to a sixteenth longer.
pub type Histogram = Vec<(Duration, u64)>;

/// What one reporter saw of how long a workload's requests took since it last told.
///
/// Each request is told of by whoever of ours it came to first, so that this adds up to what clients see: by an
/// activator, or by a pod's queue-proxy if it came past all activators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Requests that an app answered, whatever it answered: from their arrival to the last byte. Tunnels are not among
    /// them.
    pub answered: Histogram,
    /// Requests that had to wait for a pod: from their arrival until they were handed to the one that answered, or gave
    /// up.
    pub held: Histogram,
}

impl Latency {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.answered.is_empty() && self.held.is_empty()
    }
}
