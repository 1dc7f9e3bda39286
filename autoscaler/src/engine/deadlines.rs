//! Which workload is due next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use config::{Time, WorkloadId};

/// A heap of deadlines. One that was moved stays where it was and is recognised as stale when it comes up: its owner
/// is then due at another time.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<Deadline>>,
    added: u64,
}

#[derive(Debug)]
struct Deadline {
    at: Time,
    /// Among equals the first added is the first due; ids are never compared.
    order: u64,
    workload: WorkloadId,
}

impl Deadlines {
    /// `workload` is due at `at`.
    pub(super) fn add(&mut self, at: Time, workload: &WorkloadId) {
        self.added += 1;
        self.heap.push(Reverse(Deadline { at, order: self.added, workload: workload.clone() }));
    }

    /// The earliest deadline, which may be stale.
    pub(super) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(deadline)| deadline.at)
    }

    /// Takes out the earliest deadline that is due by `now`.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, WorkloadId)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(deadline)| (deadline.at, deadline.workload))
    }
}

impl Ord for Deadline {
    fn cmp(&self, other: &Deadline) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Deadline) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Deadline) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Deadline {}
