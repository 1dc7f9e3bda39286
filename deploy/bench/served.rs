//! Which requests apps saw, and how often.

use std::collections::HashMap;

/// All that was served, by the requests' numbers.
#[derive(Debug, Default)]
pub(crate) struct Served {
    times: HashMap<u64, u32>,
}

impl Served {
    /// Adds what one app saw.
    pub(crate) fn add(&mut self, ids: &[u64]) {
        for id in ids {
            *self.times.entry(*id).or_default() += 1;
        }
    }

    /// How many requests were seen more than once.
    pub(crate) fn twice(&self) -> u64 {
        self.times.values().filter(|times| **times > 1).count() as u64
    }

    /// How many requests were seen at all.
    pub(crate) fn different(&self) -> u64 {
        self.times.len() as u64
    }
}
