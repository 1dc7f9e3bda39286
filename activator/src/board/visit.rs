//! One request at a board, from its arrival to the last byte of its response.

use std::sync::Arc;
use std::time::Duration;

use config::{PodId, Time};
use queue_proxy::Clock;

use super::Board;
use crate::member::{Member, Seat};

/// The right to have one request in one pod. Dropped, it gives the slot to who waits longest.
#[derive(Debug)]
pub struct Admission {
    // Fields drop in this order: the slot must be free before the board looks who can have it.
    pub(super) seat: Seat,
    pub(super) visit: Visit,
}

/// One request that is open at a board, held or forwarded.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(super) board: Arc<Board>,
    /// Its number among those that came; [`Visit::NO_LOAD`] of a request that is no load, [`Visit::ANSWERED`] of one that
    /// will never wait again.
    pub(super) ticket: u64,
    /// When it came.
    since: Time,
}

/// How long a request that had to wait was held, to be told once a pod has answered it.
#[derive(Debug)]
pub(crate) struct Held {
    board: Arc<Board>,
    took: Duration,
}

impl Visit {
    pub(super) const NO_LOAD: u64 = 0;
    const ANSWERED: u64 = u64::MAX;

    pub(super) fn new(board: &Arc<Board>, ticket: u64, since: Time) -> Visit {
        Visit { board: Arc::clone(board), ticket, since }
    }

    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Goes to the pod whose seat it was given.
    pub(crate) fn admit(self, seat: Seat) -> Admission {
        Admission { seat, visit: self }
    }

    /// How long it has been held: since it came, whatever pods have given it back since.
    pub(crate) fn held(&self) -> Held {
        Held { board: Arc::clone(&self.board), took: self.board.clock.now().since(self.since) }
    }

    /// Leaves the queue at once, if it is still there: the place is free for another.
    pub(crate) fn leave_queue(&self) -> bool {
        let now = self.board.clock.now();
        let mut state = self.board.state.lock();
        let Some(waiter) = state.queue.remove(self.ticket) else { return false };
        state.ledger.release(now);
        if state.queue.is_empty() {
            state.asleep_since = None;
        }
        drop(state);
        drop(waiter);
        true
    }
}

impl Drop for Visit {
    /// The request is over, and whatever slot it had is free again.
    fn drop(&mut self) {
        let took = (self.ticket == Visit::ANSWERED).then(|| self.board.clock.now().since(self.since));
        let mut state = self.board.state.lock();
        let is_last = self.ticket != Visit::NO_LOAD && state.ledger.end();
        if let Some(took) = took {
            state.took.answered(took);
        }
        let someone_waits = !state.queue.is_empty();
        drop(state);
        if is_last {
            self.board.news.closed();
        }
        if someone_waits {
            self.board.dispatch();
        }
    }
}

impl Held {
    /// It waits no longer.
    pub(crate) fn tell(&self) {
        self.board.state.lock().took.held(self.took);
    }
}

impl Admission {
    pub(crate) fn member(&self) -> &Arc<Member> {
        self.seat.member()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.visit.board.clock
    }

    /// Not so of a request that is no load.
    pub(crate) fn is_counted(&self) -> bool {
        self.visit.ticket != Visit::NO_LOAD
    }

    /// How long the request was held before it was admitted.
    pub(crate) fn held(&self) -> Held {
        self.visit.held()
    }

    /// An app's answer to the request begins, and the request ends with it.
    pub(crate) fn answers(&mut self) {
        if self.is_counted() {
            self.visit.ticket = Visit::ANSWERED;
        }
        self.visit.board.answers();
    }

    /// The pod that the request is in.
    pub fn pod(&self) -> &PodId {
        &self.seat.member().id
    }
}
