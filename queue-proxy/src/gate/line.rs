//! Who waits in front of a gate: two lines, of which freed slots are given out in turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use config::bounds;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Admission, Gate};

/// Which line a request waits in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Line {
    /// Those that came directly: they wait until they are let in.
    #[default]
    Direct,
    /// Those that an activator would rather have back than see wait for long.
    MayRefuse,
}

/// The two lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Oldest first.
    direct: VecDeque<Waiter>,
    /// Oldest first.
    may_refuse: VecDeque<Waiter>,
    /// Who is next when both wait.
    turn: Line,
    next_ticket: u64,
}

#[derive(Debug)]
pub(super) struct Waiter {
    /// Counts up, so that a line is sorted by it.
    ticket: u64,
    sender: oneshot::Sender<Admission>,
}

/// A place in a line. Dropping it leaves at once.
pub(super) struct Place<'a> {
    gate: &'a Arc<Gate>,
    line: Line,
    ticket: u64,
    receiver: oneshot::Receiver<Admission>,
}

impl Lines {
    #[inline]
    pub(super) fn are_empty(&self) -> bool {
        self.direct.is_empty() && self.may_refuse.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.direct.len() + self.may_refuse.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn len_of(&self, line: Line) -> usize {
        match line {
            Line::Direct => self.direct.len(),
            Line::MayRefuse => self.may_refuse.len(),
        }
    }

    /// The last place in `line`.
    pub(super) fn join<'a>(&mut self, gate: &'a Arc<Gate>, line: Line) -> Place<'a> {
        let (sender, receiver) = oneshot::channel();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.of(line).push_back(Waiter { ticket, sender });
        Place { gate, line, ticket, receiver }
    }

    /// Takes out who is next: the oldest of the line whose turn it is.
    pub(super) fn next(&mut self) -> Option<Waiter> {
        let line = match (self.direct.is_empty(), self.may_refuse.is_empty()) {
            (true, true) => return None,
            (false, true) => Line::Direct,
            (true, false) => Line::MayRefuse,
            (false, false) => self.turn,
        };
        self.turn = match line {
            Line::Direct => Line::MayRefuse,
            Line::MayRefuse => Line::Direct,
        };
        self.of(line).pop_front()
    }

    /// Takes out one that leaves. None if it was let in already.
    fn remove(&mut self, line: Line, ticket: u64) -> Option<Waiter> {
        let line = self.of(line);
        let at = line.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()?;
        line.remove(at)
    }

    fn of(&mut self, line: Line) -> &mut VecDeque<Waiter> {
        match line {
            Line::Direct => &mut self.direct,
            Line::MayRefuse => &mut self.may_refuse,
        }
    }
}

impl Waiter {
    /// Lets it in. Should it leave at this very moment, the admission comes back (or is dropped with the channel) and
    /// is released like any other, which lets the next one in.
    pub(super) fn let_in(self, admission: Admission) {
        drop(self.sender.send(admission));
    }
}

impl Line {
    /// How many may wait in it behind `slots` slots, of which there is a limit.
    pub(super) fn places(self, slots: u32) -> usize {
        match self {
            Line::Direct => bounds::LINE_PER_SLOT * slots as usize,
            Line::MayRefuse => (slots / bounds::SLOTS_PER_MAY_REFUSE_PLACE).max(1) as usize,
        }
    }
}

impl Place<'_> {
    /// Waits to be let in.
    pub(super) async fn wait(&mut self) -> Admission {
        (&mut self.receiver).await.expect("a waiter that is still in the line is never dropped by the gate")
    }

    /// Waits to be let in, for at most `most`; after that it was never here.
    pub(super) async fn wait_for(mut self, most: Duration) -> Option<Admission> {
        if let Ok(admission) = timeout(most, self.wait()).await {
            return Some(admission);
        }
        if self.leave(true) {
            return None;
        }
        // It was let in at this very moment: the admission is here, or on its way from another thread.
        Some(self.wait().await)
    }

    /// Leaves the line, so that the place is free for the next request at once; with `is_taken_back` it is no arrival.
    /// False if it is no longer in the line, because it was let in.
    fn leave(&self, is_taken_back: bool) -> bool {
        let now = self.gate.clock.now();
        let mut state = self.gate.state.lock();
        let Some(waiter) = state.lines.remove(self.line, self.ticket) else { return false };
        if is_taken_back {
            state.counter.take_back(now);
        } else {
            state.counter.leave(now);
        }
        // Another thread may be between a release and letting this one in.
        let is_empty = state.is_empty();
        drop(state);
        drop(waiter);
        if is_empty {
            self.gate.emptied.notify_waiters();
        }
        true
    }
}

impl Drop for Place<'_> {
    /// One that was let in before it heard so holds the admission in its channel, which dies with it.
    fn drop(&mut self) {
        self.leave(false);
    }
}
