//! Ports for pods of one machine.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use config::{Time, bounds};

/// Gives out the ports of [`bounds::LOCAL_PORTS`], each to one pod at a time, and to the next one not before it has
/// rested.
#[derive(Debug)]
pub(super) struct Ports {
    next: u16,
    used: HashSet<u16>,
    /// When each was given back.
    resting: HashMap<u16, Time>,
}

impl Default for Ports {
    /// Begins anywhere, so that two of us on one machine seldom meet.
    fn default() -> Ports {
        let (first, count) = (*bounds::LOCAL_PORTS.start(), bounds::LOCAL_PORTS.len() as u64);
        let next = first + (RandomState::new().hash_one(()) % count) as u16;
        Ports { next, used: HashSet::new(), resting: HashMap::new() }
    }
}

impl Ports {
    /// A port that is nobody's, has rested and `is_free` for the machine; none if there is no such port.
    pub(super) fn take(&mut self, now: Time, is_free: impl Fn(u16) -> bool) -> Option<u16> {
        self.resting.retain(|_, since| now.since(*since) < bounds::LOCAL_PORT_REST);
        for _ in bounds::LOCAL_PORTS {
            let port = self.next;
            self.next = if port == *bounds::LOCAL_PORTS.end() { *bounds::LOCAL_PORTS.start() } else { port + 1 };
            if !self.used.contains(&port) && !self.resting.contains_key(&port) && is_free(port) {
                self.used.insert(port);
                return Some(port);
            }
        }
        None
    }

    /// The pod that had the port is gone.
    pub(super) fn give_back(&mut self, port: u16, now: Time) {
        if self.used.remove(&port) {
            self.resting.insert(port, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(ports: &mut Ports, seconds: f64) -> Option<u16> {
        ports.take(Time::from_secs_f64(seconds), |_| true)
    }

    #[test]
    fn a_port_is_one_pods_and_rests_before_it_is_anothers() {
        let mut ports = Ports::default();
        let count = bounds::LOCAL_PORTS.len();
        let all: HashSet<_> = (0..count).filter_map(|_| taken(&mut ports, 0.0)).collect();
        assert_eq!(all.len(), count);
        assert_eq!(taken(&mut ports, 0.0), None, "all are in use");
        ports.give_back(20_500, Time::from_secs_f64(1.0));
        assert_eq!(taken(&mut ports, 60.9), None, "it rests");
        assert_eq!(taken(&mut ports, 61.0), Some(20_500));
    }

    #[test]
    fn a_port_that_somebody_else_has_is_left_alone() {
        let mut ports = Ports::default();
        let port = ports.take(Time::ZERO, |port| port % 1000 == 7).unwrap();
        assert_eq!(port % 1000, 7);
        assert_eq!(ports.take(Time::ZERO, |_| false), None);
    }
}
