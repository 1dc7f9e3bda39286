//! The Services that ask for something, and to which workloads they lead.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use config::WorkloadId;

use super::service::{Serve, Service, ServiceId};
use crate::kubernetes::shared::Reach;

/// Services by name, and by what they lead to.
#[derive(Debug, Default)]
pub(super) struct Services {
    all: HashMap<ServiceId, Service>,
    by_workload: HashMap<WorkloadId, BTreeSet<ServiceId>>,
    /// Those that lead to a workload, by their name alone.
    by_name: BTreeMap<String, HashSet<ServiceId>>,
}

impl Services {
    /// The Service is as it is said now, or is no more. Workloads that are reached otherwise than before.
    pub(super) fn set(&mut self, id: &ServiceId, service: Option<Service>) -> HashSet<WorkloadId> {
        let before = self.all.get(id).and_then(Service::serve).cloned();
        let after = service.as_ref().and_then(Service::serve).cloned();
        match service {
            Some(service) => drop(self.all.insert(id.clone(), service)),
            None => drop(self.all.remove(id)),
        }
        if before == after {
            return HashSet::new();
        }
        let mut changed = HashSet::new();
        for serve in before.iter().chain(&after) {
            changed.insert(serve.workload.clone());
        }
        if before.is_some() != after.is_some() {
            // Others of the same name may or may not be called by it alone now.
            changed.extend(self.of_name(id.name()).map(|serve| serve.workload.clone()));
        }
        if let Some(before) = before {
            self.forget(id, &before);
        }
        if let Some(after) = after {
            self.by_workload.entry(after.workload.clone()).or_default().insert(id.clone());
            self.by_name.entry(id.name().to_owned()).or_default().insert(id.clone());
        }
        changed
    }

    pub(super) fn get(&self, id: &ServiceId) -> Option<&Service> {
        self.all.get(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &ServiceId> {
        self.all.keys()
    }

    /// Those that lead to the workload.
    pub(super) fn of(&self, workload: &WorkloadId) -> impl Iterator<Item = &ServiceId> {
        self.by_workload.get(workload).into_iter().flatten()
    }

    /// `NAME.NAMESPACE`, as cluster DNS completes it, and `NAME` where no other is called so.
    pub(super) fn reach(&self, workload: &WorkloadId) -> Reach {
        let mut reach = Reach::default();
        for id in self.of(workload) {
            let (name, namespace) = (id.name(), id.namespace());
            let full = ["", ".svc", ".svc.cluster.local"].map(|end| format!("{name}.{namespace}{end}"));
            reach.hosts.extend(full);
            if self.by_name.get(name).is_some_and(|all| all.len() == 1) {
                reach.hosts.push(name.to_owned());
            }
            reach.protocol = reach.protocol.or_else(|| self.get(id)?.serve()?.protocol);
        }
        reach
    }

    fn of_name(&self, name: &str) -> impl Iterator<Item = &Arc<Serve>> {
        self.by_name.get(name).into_iter().flatten().filter_map(|id| self.get(id)?.serve())
    }

    fn forget(&mut self, id: &ServiceId, serve: &Serve) {
        if let Some(services) = self.by_workload.get_mut(&serve.workload) {
            services.remove(id);
            if services.is_empty() {
                self.by_workload.remove(&serve.workload);
            }
        }
        if let Some(services) = self.by_name.get_mut(id.name()) {
            services.remove(id);
            if services.is_empty() {
                self.by_name.remove(id.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use config::Protocol;

    use super::super::service::{Asks, PortName};
    use super::*;

    fn workload(namespace: &str, name: &str) -> WorkloadId {
        WorkloadId::new(namespace, "Deployment", name)
    }

    /// Makes a Service lead to the workload of that name in its namespace; whose reach changed.
    fn lead(services: &mut Services, namespace: &str, name: &str, to: Option<&str>) -> Vec<String> {
        let id = ServiceId::new(namespace, name);
        let service = to.map(|to| Service {
            id: id.clone(),
            uid: String::new(),
            has_key: false,
            asks: Asks::Serve(Arc::new(Serve {
                workload: workload(namespace, to),
                port: PortName { name: "h2c".to_owned(), protocol: "TCP".to_owned(), app_protocol: None },
                protocol: Some(Protocol::H2c),
                others: Vec::new(),
                families: Vec::new(),
            })),
        });
        let mut changed: Vec<_> = services.set(&id, service).iter().map(WorkloadId::to_string).collect();
        changed.sort();
        changed
    }

    #[test]
    fn a_workload_answers_to_its_services_and_to_their_names_alone_where_no_other_is_called_so() {
        let mut services = Services::default();
        assert_eq!(lead(&mut services, "shop", "hello", Some("app")), ["shop/Deployment/app"]);
        assert!(lead(&mut services, "shop", "hello", Some("app")).is_empty(), "nothing changed");
        let full = ["hello.shop", "hello.shop.svc", "hello.shop.svc.cluster.local"];
        let reach = services.reach(&workload("shop", "app"));
        assert_eq!(reach.hosts, [&full[..], &["hello"]].concat());
        assert_eq!(reach.protocol, Some(Protocol::H2c));
        let changed = lead(&mut services, "bar", "hello", Some("other"));
        assert_eq!(changed, ["bar/Deployment/other", "shop/Deployment/app"]);
        assert_eq!(services.reach(&workload("shop", "app")).hosts, full);
        let changed = lead(&mut services, "bar", "hello", None);
        assert_eq!(changed, ["bar/Deployment/other", "shop/Deployment/app"]);
        assert_eq!(services.reach(&workload("shop", "app")).hosts.len(), 4);
        assert_eq!(services.reach(&workload("bar", "other")), Reach::default());
    }

    #[test]
    fn a_service_may_be_led_elsewhere_and_two_may_lead_to_one_workload() {
        let mut services = Services::default();
        lead(&mut services, "shop", "a", Some("app"));
        lead(&mut services, "shop", "b", Some("app"));
        assert_eq!(services.of(&workload("shop", "app")).count(), 2);
        assert_eq!(lead(&mut services, "shop", "a", Some("new")), ["shop/Deployment/app", "shop/Deployment/new"]);
        assert_eq!(services.of(&workload("shop", "app")).count(), 1);
        assert_eq!(services.of(&workload("shop", "new")).count(), 1);
    }
}
