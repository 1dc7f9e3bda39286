//! What a board's lock guards.

use std::sync::{Arc, OnceLock};

use config::{Failure, Time, Upgrades};
use queue_proxy::Timeouts;
use tokio::sync::oneshot;

use super::visit::{Admission, Visit};
use super::{Arrival, Board};
use crate::hold::{HoldError, Place};
use crate::ledger::{Due, Ledger};
use crate::member::Seat;
use crate::queue::{Queue, Waiter};
use crate::roster::Roster;
use crate::snapshot::Counts;
use crate::took::Took;

/// The pods, the queue and the count of one workload.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) roster: Roster,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) counts: Counts,
    pub(crate) took: Took,
    /// How long requests may take.
    pub(super) timeouts: Timeouts,
    /// Requests for these are no load.
    pub(super) ignore_paths: Vec<String>,
    /// What apps may be asked to change to.
    pub(crate) upgrades: Upgrades,
    pub(crate) failure: Option<Failure>,
    /// The workload is no more.
    pub(super) removed: bool,
    /// Since when requests wait without a ready pod.
    pub(super) asleep_since: Option<Time>,
    /// Where to say when the first answer of the last wake begins.
    pub(super) first_byte: Option<Arc<OnceLock<Time>>>,
}

impl State {
    /// Whether a request may pass or wait.
    pub(super) fn welcome(&self) -> Result<(), HoldError> {
        if self.removed {
            return Err(HoldError::Removed);
        }
        match &self.failure {
            Some(failure) if !self.roster.has_ready() => Err(HoldError::Broken(failure.word())),
            _ => Ok(()),
        }
    }

    pub(super) fn ignores(&self, path: &str) -> bool {
        !self.ignore_paths.is_empty() && !self.removed && self.ignore_paths.iter().any(|ignored| ignored == path)
    }

    /// Where a request goes that is no load: to a pod that has a slot to spare, else nowhere.
    pub(super) fn glance(&mut self, board: &Arc<Board>, now: Time) -> Arrival {
        let seat = if self.queue.is_empty() { self.roster.seat(now, false) } else { None };
        let visit = |seat| {
            let visit = Visit::new(board, Visit::NO_LOAD, now);
            Arrival::Admitted(Admission { seat, visit })
        };
        seat.map_or(Arrival::Ignored, visit)
    }

    /// A slot for the request that is next, counted here if nobody else counts it.
    pub(super) fn seat(&mut self, board: &Arc<Board>, now: Time) -> Option<Seat> {
        let seat = self.roster.seat(now, true)?;
        if !seat.is_bare() {
            return Some(seat);
        }
        self.ledger.enter(now);
        Some(seat.counted_at(board))
    }

    /// Puts a request in the queue.
    pub(super) fn hold(&mut self, visit: Visit, bytes: usize, now: Time) -> (Place, Due) {
        let (sender, receiver) = oneshot::channel();
        self.queue.insert(Waiter { ticket: visit.ticket, bytes, sender });
        self.ledger.hold(now);
        self.counts.held += 1;
        let asleep = !self.roster.has_ready();
        if asleep {
            self.asleep_since.get_or_insert(now);
        }
        (Place::new(visit, receiver), self.ledger.due(asleep))
    }
}
