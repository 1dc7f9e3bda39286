//! Which workloads need a door, and for whom.

use std::collections::{HashMap, HashSet};

use config::{Time, WorkloadId};

use super::ports::Ports;
use super::service::ServiceId;

/// The ports of workloads, each for as long as a Service leads to it: until its slices do so no more.
#[derive(Debug, Default)]
pub(super) struct Doors {
    ports: Ports,
    services: HashMap<WorkloadId, HashSet<ServiceId>>,
    /// To where the slices of a Service lead, or led when it was last looked at: seldom more than one.
    lead: HashMap<ServiceId, Vec<WorkloadId>>,
}

impl Doors {
    /// A slice of the Service has led to this port since before this process.
    pub(super) fn recover(&mut self, service: &ServiceId, workload: &WorkloadId, port: u16) {
        if self.ports.recover(workload, port) {
            self.lead(service, workload);
        }
    }

    /// The port to which the Service is to lead from now on, also; none if there is none left.
    pub(super) fn claim(&mut self, service: &ServiceId, workload: &WorkloadId, now: Time) -> Option<u16> {
        let port = self.ports.of(workload, now)?;
        self.lead(service, workload);
        Some(port)
    }

    /// The Service's slices lead to `workload` and nowhere else; none is that there are none. Whose doors nobody needs any
    /// more.
    pub(super) fn settle(&mut self, service: &ServiceId, workload: Option<&WorkloadId>, now: Time) -> Vec<WorkloadId> {
        let Some(lead) = self.lead.get_mut(service) else { return Vec::new() };
        let left: Vec<_> = lead.extract_if(.., |to| Some(&*to) != workload).collect();
        if lead.is_empty() {
            self.lead.remove(service);
        }
        left.into_iter().filter(|workload| self.leave(service, workload, now)).collect()
    }

    /// All doors that are needed.
    pub(super) fn all(&self) -> impl Iterator<Item = (&WorkloadId, u16)> {
        self.ports.all().filter(|(workload, _)| self.is_needed(workload))
    }

    /// Whether a Service leads to the workload, or still did when it was last looked at.
    pub(super) fn is_needed(&self, workload: &WorkloadId) -> bool {
        self.services.contains_key(workload)
    }

    fn lead(&mut self, service: &ServiceId, workload: &WorkloadId) {
        let lead = self.lead.entry(service.clone()).or_default();
        if !lead.contains(workload) {
            lead.push(workload.clone());
            self.services.entry(workload.clone()).or_default().insert(service.clone());
        }
    }

    /// Whether it was the last to need the door.
    fn leave(&mut self, service: &ServiceId, workload: &WorkloadId, now: Time) -> bool {
        let Some(services) = self.services.get_mut(workload) else { return false };
        services.remove(service);
        let is_last = services.is_empty();
        if is_last {
            self.services.remove(workload);
            self.ports.give_back(workload, now);
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &str) -> WorkloadId {
        WorkloadId::new("shop", "Deployment", name)
    }

    fn service(name: &str) -> ServiceId {
        ServiceId::new("shop", name)
    }

    #[test]
    fn a_door_is_there_for_as_long_as_one_service_leads_to_it() {
        let mut doors = Doors::default();
        let port = doors.claim(&service("a"), &workload("hello"), Time::ZERO);
        assert_eq!(doors.claim(&service("b"), &workload("hello"), Time::ZERO), port);
        assert!(doors.settle(&service("a"), Some(&workload("hello")), Time::ZERO).is_empty());
        assert!(doors.settle(&service("a"), None, Time::ZERO).is_empty());
        assert!(doors.is_needed(&workload("hello")));
        assert_eq!(doors.settle(&service("b"), None, Time::ZERO), [workload("hello")]);
        assert!(!doors.is_needed(&workload("hello")));
        assert!(doors.settle(&service("b"), None, Time::ZERO).is_empty());
    }

    #[test]
    fn a_service_that_is_led_elsewhere_needs_both_doors_until_its_slices_lead_there() {
        let mut doors = Doors::default();
        doors.recover(&service("a"), &workload("old"), 10_005);
        let port = doors.claim(&service("a"), &workload("new"), Time::ZERO);
        assert_eq!(port, Some(10_006));
        assert!(doors.is_needed(&workload("old")));
        assert_eq!(doors.settle(&service("a"), Some(&workload("new")), Time::ZERO), [workload("old")]);
        assert!(doors.is_needed(&workload("new")));
    }
}
