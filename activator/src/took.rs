//! How long the requests of one workload took, until the autoscaler is told.

use std::time::Duration;

use config::Latency;
use queue_proxy::Recorder;

/// What was recorded since it was last taken. A workload of which nothing was needs no memory.
#[derive(Debug, Default)]
pub(crate) struct Took {
    answered: Option<Box<Recorder>>,
    held: Option<Box<Recorder>>,
}

impl Took {
    /// An app's answer to a request is at its end, so long after the request came.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.answered.get_or_insert_default().record(took);
    }

    /// A request that came so long ago waits no longer.
    pub(crate) fn held(&mut self, took: Duration) {
        self.held.get_or_insert_default().record(took);
    }

    /// Whether nothing was recorded.
    pub(crate) fn is_empty(&self) -> bool {
        self.answered.is_none() && self.held.is_none()
    }

    /// What was recorded, and gives its memory back.
    pub(crate) fn take(&mut self) -> Latency {
        let taken = |recorder: &mut Option<Box<Recorder>>| recorder.take().map(|all| all.take()).unwrap_or_default();
        Latency { answered: taken(&mut self.answered), held: taken(&mut self.held) }
    }
}
