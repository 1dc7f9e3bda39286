//! What an activator knows of one workload, for metrics and `explain`.

use std::net::SocketAddr;

use config::{PodId, PodState};

use crate::board::Board;
use crate::hold::HoldError;

/// One workload at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Requests that wait.
    pub held: usize,
    /// Bytes that their bodies may occupy.
    pub held_bytes: usize,
    /// Requests held or forwarded.
    pub open: u32,
    /// Why there can be no ready pod, in one word.
    pub failure: Option<&'static str>,
    /// The pods, in the order in which they became known.
    pub pods: Vec<PodLoad>,
    /// What happened so far.
    pub counts: Counts,
}

/// One pod of a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLoad {
    /// Its name.
    pub id: PodId,
    /// Where requests are sent: to its queue-proxy or, if that is in this process or there is none, to its app.
    pub address: SocketAddr,
    /// Where it is in its life.
    pub state: PodState,
    /// Requests in its app; of a pod elsewhere, those of this activator.
    pub in_flight: u32,
    /// Requests in its own line, if that is in this process.
    pub waiting: u32,
}

/// What happened to a workload's requests since it became known. Only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that passed or waited.
    pub arrived: u64,
    /// Times that a request had to wait.
    pub held: u64,
    /// Clients that left while they waited.
    pub left: u64,
    /// Times that a request was taken back from a pod that could not have seen it.
    pub retried: u64,
    /// Times that a pod gave a request back because it had no slot.
    pub refused: u64,
    /// Requests turned away because as many waited as may.
    pub queue_full: u64,
    /// Requests that waited too long.
    pub hold_timeout: u64,
    /// Requests turned away because there could be no ready pod.
    pub broken: u64,
    /// Requests turned away because the workload was removed.
    pub removed: u64,
}

impl Counts {
    pub(crate) fn refused(&mut self, error: HoldError) {
        *match error {
            HoldError::QueueFull => &mut self.queue_full,
            HoldError::TimedOut => &mut self.hold_timeout,
            HoldError::Broken(_) => &mut self.broken,
            HoldError::Removed => &mut self.removed,
        } += 1;
    }
}

impl Board {
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.with(|state| Snapshot {
            held: state.queue.len(),
            held_bytes: state.queue.bytes(),
            open: state.ledger.open(),
            failure: state.failure.as_ref().map(config::Failure::word),
            pods: state
                .roster
                .iter()
                .map(|(member, state)| {
                    let (in_flight, waiting) = member.inside();
                    PodLoad { id: member.id.clone(), address: member.upstream().address(), state, in_flight, waiting }
                })
                .collect(),
            counts: state.counts,
        })
    }
}
