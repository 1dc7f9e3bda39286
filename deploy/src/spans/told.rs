//! What happened, on its way to becoming spans.

use config::{Reason, Time, WorkloadId};
use metrics::counter;
use tokio::sync::mpsc;

use crate::exposition;
use crate::wakes::Woken;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A workload was given another number of pods.
    Scaled { workload: WorkloadId, from: u32, to: u32, why: Reason, at: Time },
    /// A wake is over but for its first answer.
    Woke(Woken),
}

impl Told {
    /// How many spans it is worth.
    fn spans(&self) -> usize {
        match self {
            Told::Scaled { .. } => 1,
            Told::Woke(woken) => 1 + woken.phases().count(),
        }
    }
}

/// Whom to tell what becomes spans; by default nobody. Cheap to clone; never waits.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<mpsc::Sender<Told>>);

impl Spans {
    pub(super) fn to(told: mpsc::Sender<Told>) -> Spans {
        Spans(Some(told))
    }

    /// A workload is given another number of pods.
    pub fn scaled(&self, workload: &WorkloadId, from: u32, to: u32, why: &Reason, at: Time) {
        self.tell(|| Told::Scaled { workload: workload.clone(), from, to, why: why.clone(), at });
    }

    /// A wake is over but for its first answer.
    pub fn woke(&self, woken: &Woken) {
        self.tell(|| Told::Woke(woken.clone()));
    }

    fn tell(&self, what: impl FnOnce() -> Told) {
        let Some(told) = &self.0 else { return };
        if let Err(error) = told.try_send(what()) {
            dropped(error.into_inner().spans());
        }
    }
}

/// Counts spans that no collector will see.
pub(super) fn dropped(spans: usize) {
    counter!(exposition::SPANS_DROPPED).increment(spans as u64);
}
