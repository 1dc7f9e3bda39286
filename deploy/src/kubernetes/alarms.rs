//! When to look at which workload again.

use std::collections::{BTreeSet, HashMap};

use config::{Time, WorkloadId};

/// At most one time a workload.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    queue: BTreeSet<(Time, WorkloadId)>,
    set: HashMap<WorkloadId, Time>,
}

impl Alarms {
    /// The workload is to be looked at then, and not before; none is never.
    pub(super) fn set(&mut self, id: &WorkloadId, at: Option<Time>) {
        if self.set.get(id) == at.as_ref() {
            return;
        }
        if let Some(before) = self.set.remove(id) {
            self.queue.remove(&(before, id.clone()));
        }
        if let Some(at) = at {
            self.queue.insert((at, id.clone()));
            self.set.insert(id.clone(), at);
        }
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out the next that is due.
    pub(super) fn pop(&mut self, now: Time) -> Option<WorkloadId> {
        self.next().filter(|at| *at <= now)?;
        let (_, id) = self.queue.pop_first()?;
        self.set.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_workload_has_one_alarm_that_can_be_moved() {
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut alarms = Alarms::default();
        alarms.set(&a, Some(at(5)));
        alarms.set(&b, Some(at(3)));
        alarms.set(&a, Some(at(1)));
        assert_eq!((alarms.next(), alarms.pop(at(0))), (Some(at(1)), None));
        assert_eq!((alarms.pop(at(9)), alarms.next()), (Some(a), Some(at(3))));
        alarms.set(&b, None);
        assert_eq!((alarms.pop(at(9)), alarms.next()), (None, None));
    }
}
