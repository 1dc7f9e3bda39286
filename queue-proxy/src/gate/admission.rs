//! The right to be in the app.

use std::sync::Arc;

use super::Gate;

/// The right to have one request in the app; gives the slot back when dropped.
#[derive(Debug)]
pub struct Admission {
    gate: Arc<Gate>,
    counts: Counts,
}

/// As what a request counts when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// As one that was here.
    Load,
    /// As one that never arrived: the app cannot have seen it, and it goes to another pod.
    TakenBack,
    /// It never counted.
    Nothing,
}

impl Admission {
    #[inline]
    pub(super) fn new(gate: &Arc<Gate>, counts: Counts) -> Admission {
        Admission { gate: Arc::clone(gate), counts }
    }

    /// Gives the slot back of a request that the app cannot have seen and that goes to another pod, where it counts as
    /// an arrival: here it is none.
    pub fn take_back(mut self) {
        self.is_no_arrival();
    }

    /// [`Admission::take_back`], when it is dropped.
    pub(crate) fn is_no_arrival(&mut self) {
        if self.counts == Counts::Load {
            self.counts = Counts::TakenBack;
        }
    }
}

impl Drop for Admission {
    #[inline]
    fn drop(&mut self) {
        self.gate.release(self.counts);
    }
}
