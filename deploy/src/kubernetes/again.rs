//! Watches that end badly begin again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// After the same pause each time: for watches of a single object, of which there are few.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again(pub(super) Duration);

impl Iterator for Again {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.0)
    }
}

impl Backoff for Again {
    fn reset(&mut self) {}
}
