//! What was found in the slices of a Service by a router that begins.

use std::collections::BTreeSet;
use std::net::IpAddr;

use config::Route;

use super::desired::Front;

/// Where a Service led before this process. Of who was led to nothing is known at first: each stays until it is heard of,
/// or until all have had time to speak.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) route: Route,
    /// Who was led to, for as long as somebody is awaited.
    endpoints: BTreeSet<IpAddr>,
    /// Those of them that were not heard of yet.
    awaited: BTreeSet<IpAddr>,
}

impl From<&Front> for Found {
    fn from(front: &Front) -> Found {
        let endpoints = front.addresses().clone();
        Found { route: front.route(), awaited: endpoints.clone(), endpoints }
    }
}

impl Found {
    /// These have spoken.
    pub(super) fn hear(&mut self, heard: &BTreeSet<IpAddr>) {
        self.awaited.retain(|ip| !heard.contains(ip));
        if self.awaited.is_empty() {
            self.give_up();
        }
    }

    /// Nobody is awaited any more; whether anybody was.
    pub(super) fn give_up(&mut self) -> bool {
        let awaited = !self.awaited.is_empty();
        (self.endpoints, self.awaited) = (BTreeSet::new(), BTreeSet::new());
        awaited
    }

    /// Of `chosen`, and of those who are awaited, the activators that are to be led to: while one is awaited no other takes
    /// a place that may be its.
    pub(super) fn activators(&self, mut chosen: BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        if self.route == Route::Activator && !self.awaited.is_empty() {
            chosen.retain(|ip| self.endpoints.contains(ip));
            chosen.extend(&self.awaited);
        }
        chosen
    }

    /// The pods that are to be led to: those that are `ready`, and those that are awaited and still `alive`.
    pub(super) fn pods(&self, mut ready: BTreeSet<IpAddr>, alive: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        if self.route == Route::Pods {
            ready.extend(self.awaited.intersection(alive));
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(numbers: &[u8]) -> BTreeSet<IpAddr> {
        numbers.iter().map(|&number| [10, 0, 0, number].into()).collect()
    }

    #[test]
    fn who_is_awaited_stays_and_nobody_takes_its_place() {
        let mut found = Found::from(&Front::Activators(ips(&[1, 2])));
        assert_eq!(found.activators(ips(&[])), ips(&[1, 2]));
        found.hear(&ips(&[1, 3]));
        assert_eq!(found.activators(ips(&[1, 3])), ips(&[1, 2]));
        assert_eq!(found.activators(ips(&[3])), ips(&[2]), "one that was heard and is not there any more goes");
        found.hear(&ips(&[2]));
        assert_eq!(found.activators(ips(&[1, 3])), ips(&[1, 3]), "all have spoken");
        assert!(!found.give_up());
    }

    #[test]
    fn pods_that_are_awaited_stay_beside_those_that_are_ready() {
        let mut found = Found::from(&Front::Pods(ips(&[1, 2, 3])));
        found.hear(&ips(&[1]));
        assert_eq!(found.pods(ips(&[1, 4]), &ips(&[1, 2, 4])), ips(&[1, 2, 4]), "3 is on its way out");
        assert_eq!(found.activators(ips(&[9])), ips(&[9]));
        assert!(found.give_up());
        assert_eq!(found.pods(ips(&[1, 4]), &ips(&[1, 2, 4])), ips(&[1, 4]));
    }
}
