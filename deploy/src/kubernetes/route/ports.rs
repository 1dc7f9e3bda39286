//! The port that each workload has on every activator.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;

use config::{Time, WorkloadId, bounds};

use crate::kubernetes::names::{FIRST_DOOR, LAST_DOOR};

/// Gives each workload a port of its own, which it keeps. One that is given back rests for [`bounds::DOOR_REST`] before
/// another workload gets it: by then nobody has it in mind.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    by_workload: HashMap<WorkloadId, u16>,
    taken: HashMap<u16, WorkloadId>,
    /// Those that were given back, the first first. A workload that is back may have its own at once.
    resting: VecDeque<(u16, Time)>,
    next: u16,
}

impl Default for Ports {
    fn default() -> Ports {
        Ports::within(FIRST_DOOR..=LAST_DOOR)
    }
}

impl Ports {
    fn within(range: RangeInclusive<u16>) -> Ports {
        let next = *range.start();
        Ports { range, by_workload: HashMap::new(), taken: HashMap::new(), resting: VecDeque::new(), next }
    }

    /// The workload has had this port since before this process. False if it cannot have it: it has another, or another
    /// has it.
    pub(super) fn recover(&mut self, workload: &WorkloadId, port: u16) -> bool {
        match (self.by_workload.get(workload), self.taken.get(&port)) {
            (Some(&own), _) => own == port,
            (None, Some(_)) => false,
            (None, None) if !self.range.contains(&port) => false,
            (None, None) => {
                self.give(workload, port);
                // Those that were given back before this process are more likely to be lower than higher.
                self.next = self.next.max(self.after(port));
                true
            }
        }
    }

    /// The workload's port; none if all are taken or rest.
    pub(super) fn of(&mut self, workload: &WorkloadId, now: Time) -> Option<u16> {
        if let Some(&port) = self.by_workload.get(workload) {
            return Some(port);
        }
        while self.resting.front().is_some_and(|(_, since)| now.since(*since) >= bounds::DOOR_REST) {
            if let Some((port, _)) = self.resting.pop_front() {
                self.taken.remove(&port);
            }
        }
        let own = self.resting.iter().position(|(port, _)| self.taken.get(port) == Some(workload));
        if let Some((port, _)) = own.and_then(|index| self.resting.remove(index)) {
            self.give(workload, port);
            return Some(port);
        }
        for _ in self.range.clone() {
            let port = self.next;
            self.next = self.after(port);
            if !self.taken.contains_key(&port) {
                self.give(workload, port);
                return Some(port);
            }
        }
        None
    }

    /// The workload needs no port any more; the one that it had.
    pub(super) fn give_back(&mut self, workload: &WorkloadId, now: Time) -> Option<u16> {
        let port = self.by_workload.remove(workload)?;
        self.resting.push_back((port, now));
        Some(port)
    }

    /// All that workloads have.
    pub(super) fn all(&self) -> impl Iterator<Item = (&WorkloadId, u16)> {
        self.by_workload.iter().map(|(workload, port)| (workload, *port))
    }

    fn give(&mut self, workload: &WorkloadId, port: u16) {
        self.by_workload.insert(workload.clone(), port);
        self.taken.insert(port, workload.clone());
    }

    fn after(&self, port: u16) -> u16 {
        if port == *self.range.end() { *self.range.start() } else { port + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &str) -> WorkloadId {
        WorkloadId::new("shop", "Deployment", name)
    }

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn a_workload_keeps_its_port_and_no_two_have_the_same() {
        let mut ports = Ports::default();
        let a = ports.of(&workload("a"), at(0.0));
        let b = ports.of(&workload("b"), at(0.0));
        assert_eq!((a, b), (Some(10_000), Some(10_001)));
        assert_eq!(ports.of(&workload("a"), at(1e6)), a);
    }

    #[test]
    fn a_port_that_is_given_back_rests_for_ten_minutes_but_for_who_had_it() {
        let mut ports = Ports::within(10_000..=10_001);
        ports.of(&workload("a"), at(0.0));
        ports.of(&workload("b"), at(0.0));
        assert_eq!(ports.of(&workload("c"), at(0.0)), None, "all are taken");
        assert_eq!(ports.give_back(&workload("a"), at(0.0)), Some(10_000));
        assert_eq!(ports.give_back(&workload("a"), at(0.0)), None);
        assert_eq!(ports.of(&workload("c"), at(599.9)), None, "it rests");
        assert_eq!(ports.of(&workload("a"), at(599.9)), Some(10_000), "it is back");
        ports.give_back(&workload("a"), at(600.0));
        assert_eq!(ports.of(&workload("c"), at(1_199.9)), None, "from anew");
        assert_eq!(ports.of(&workload("c"), at(1_200.0)), Some(10_000));
        assert_eq!(ports.of(&workload("a"), at(1_200.0)), None);
    }

    #[test]
    fn what_was_there_before_stays_where_it_is() {
        let mut ports = Ports::within(10_000..=10_009);
        assert!(ports.recover(&workload("a"), 10_002));
        assert!(ports.recover(&workload("a"), 10_002), "of a second Service");
        assert!(!ports.recover(&workload("a"), 10_003), "it has one");
        assert!(!ports.recover(&workload("b"), 10_002), "it is another's");
        assert!(!ports.recover(&workload("b"), 8012), "it is none");
        assert_eq!(ports.of(&workload("a"), at(0.0)), Some(10_002));
        let others: Vec<_> = (0..9).map(|number| ports.of(&workload(&number.to_string()), at(0.0)).unwrap()).collect();
        assert_eq!(others, [10_003, 10_004, 10_005, 10_006, 10_007, 10_008, 10_009, 10_000, 10_001]);
    }
}
