//! The line in front of all pods of a workload.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::hold::HoldError;
use crate::member::Seat;

/// Requests that wait, oldest first.
///
/// Tickets are given to every request as it comes, so that one that has to wait again after a failed try stands where
/// it stood: before all who came later.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Sorted by ticket.
    waiters: VecDeque<Waiter>,
    bytes: usize,
    next_ticket: u64,
}

/// One request that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: u64,
    /// What its body may occupy until it is read.
    pub(crate) bytes: usize,
    pub(crate) sender: oneshot::Sender<Result<Seat, HoldError>>,
}

impl Queue {
    pub(crate) fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts the waiter where its ticket belongs: at the end, unless it comes back.
    pub(crate) fn insert(&mut self, waiter: Waiter) {
        self.bytes += waiter.bytes;
        let at = self.waiters.partition_point(|other| other.ticket < waiter.ticket);
        self.waiters.insert(at, waiter);
    }

    /// Takes out the oldest.
    pub(crate) fn pop(&mut self) -> Option<Waiter> {
        let waiter = self.waiters.pop_front()?;
        self.bytes -= waiter.bytes;
        Some(waiter)
    }

    /// Takes out the waiter with this ticket; none if it is no longer here.
    pub(crate) fn remove(&mut self, ticket: u64) -> Option<Waiter> {
        let at = self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()?;
        let waiter = self.waiters.remove(at)?;
        self.bytes -= waiter.bytes;
        Some(waiter)
    }

    /// Takes out all.
    pub(crate) fn drain(&mut self) -> VecDeque<Waiter> {
        self.bytes = 0;
        std::mem::take(&mut self.waiters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(ticket: u64) -> Waiter {
        Waiter { ticket, bytes: 10, sender: oneshot::channel().0 }
    }

    #[test]
    fn one_that_comes_back_stands_where_it_stood() {
        let mut queue = Queue::default();
        let tickets: Vec<_> = (0..3).map(|_| queue.ticket()).collect();
        queue.insert(waiter(tickets[1]));
        queue.insert(waiter(tickets[2]));
        queue.insert(waiter(tickets[0]));
        assert_eq!((queue.len(), queue.bytes()), (3, 30));
        assert!(queue.remove(tickets[1]).is_some());
        assert!(queue.remove(tickets[1]).is_none());
        assert_eq!([queue.pop().unwrap().ticket, queue.pop().unwrap().ticket], [tickets[0], tickets[2]]);
        assert_eq!((queue.is_empty(), queue.bytes()), (true, 0));
    }
}
