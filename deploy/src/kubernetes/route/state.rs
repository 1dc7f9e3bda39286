//! All that is known of Services, slices and workloads.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use config::{PlatformError, Pod, PodId, PodState, Route, Time, Workload, WorkloadId, bounds};
use tokio::sync::Notify;

use super::desired::{Front, NamedPorts, Slices};
use super::doors::Doors;
use super::evidence::{Evidence, Turned, evidence};
use super::found::Found;
use super::jobs::Jobs;
use super::router::ServiceSeen;
use super::service::{Refusal, Service, ServiceId};
use super::services::Services;
use super::slice::Seen;
use super::step::Release;
use super::watches::SliceName;
use crate::kubernetes::watch::gap::Gap;
use crate::link::Hub;

/// What is known, under the router's one lock. The hub's is only ever taken within it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) services: Services,
    pub(super) slices: HashMap<ServiceId, Slices>,
    pub(super) workloads: HashMap<WorkloadId, Known>,
    pub(super) doors: Doors,
    /// Doors that nobody needs, and when they close; the first to close first. No more than workloads in that time.
    pub(super) closing: VecDeque<(Time, WorkloadId)>,
    pub(super) jobs: Jobs,
    pub(super) synced: Synced,
    /// Services that a list did not name.
    pub(super) gap: Gap<ServiceId>,
    /// The ports that the containers of pods name.
    pub(super) pod_ports: HashMap<PodId, NamedPorts>,
    /// The pods of workloads of which nothing else is known, as the platform has them: of others the hub knows.
    pub(super) stand_ins: HashMap<WorkloadId, HashMap<PodId, Pod>>,
    /// Where Services led before this process.
    pub(super) found: HashMap<ServiceId, Found>,
    /// Where Services lead for certain.
    pub(super) turned: HashMap<ServiceId, Turned>,
    /// Services that are no more and whose slices still are: Kubernetes deletes them.
    pub(super) orphans: HashSet<ServiceId>,
    /// Services that are being given back.
    pub(super) releases: HashMap<ServiceId, Release>,
    /// Services whose workload is not there, which that is, and since when.
    pub(super) lacking: HashMap<ServiceId, (WorkloadId, Time)>,
    /// What was last told of a Service, so that it is told once.
    pub(super) told: HashMap<ServiceId, Refusal>,
}

/// What of all that there is has been heard of.
#[derive(Debug, Default)]
pub(super) struct Synced {
    pub(super) services: bool,
    pub(super) slices: bool,
    pub(super) platform: bool,
    /// Since when it is all of these; before that nothing is written.
    pub(super) since: Option<Time>,
    /// Until when what was found stays for lack of news.
    pub(super) awaits_until: Option<Time>,
}

/// A workload.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) workload: Arc<Workload>,
    /// The route that was asked for last, if any was.
    pub(super) wish: Option<Route>,
    /// How many times one was.
    wishes: u64,
    /// All its Services are to be given back.
    pub(super) is_released: bool,
    /// Something changed that whoever waits for it may want to know.
    changed: Arc<Notify>,
}

/// Someone who waits for a route.
#[derive(Debug)]
pub(super) struct Wish {
    number: u64,
    pub(super) changed: Arc<Notify>,
}

impl State {
    pub(super) fn set_workload(&mut self, workload: &Arc<Workload>, hub: &Hub) {
        let known = self.workloads.entry(workload.id.clone()).or_insert_with(|| Known {
            workload: Arc::clone(workload),
            wish: None,
            wishes: 0,
            is_released: false,
            changed: Arc::default(),
        });
        known.workload = Arc::clone(workload);
        known.is_released = false;
        self.stand_ins.remove(&workload.id);
        if self.synced.since.is_some() {
            self.close_unneeded(&workload.id, hub);
        }
        self.look_at(&workload.id);
    }

    pub(super) fn remove_workload(&mut self, id: &WorkloadId) {
        if let Some(known) = self.workloads.remove(id) {
            known.changed.notify_waiters();
        }
        self.look_at(id);
    }

    /// A pod of a workload of which nothing else is known is so now.
    pub(super) fn set_stand_in(&mut self, pod: &Pod) {
        self.stand_ins.entry(pod.workload.clone()).or_default().insert(pod.id.clone(), pod.clone());
        self.look_at(&pod.workload);
    }

    /// The pod is no more, or not this workload's any more.
    pub(super) fn remove_pod(&mut self, workload: &WorkloadId, id: &PodId) {
        self.pod_ports.remove(id);
        let Some(pods) = self.stand_ins.get_mut(workload) else { return };
        pods.remove(id);
        if pods.is_empty() {
            self.stand_ins.remove(workload);
        }
        self.look_at(workload);
    }

    /// The Service is as it is said now, or asks for nothing. Workloads that are reached otherwise than before.
    pub(super) fn set_service(&mut self, id: &ServiceId, service: Option<Service>) -> HashSet<WorkloadId> {
        if service.is_none() && self.services.get(id).is_none() && !self.slices.contains_key(id) {
            return HashSet::new(); // as most in a cluster are
        }
        self.orphans.remove(id);
        if service.is_none() {
            self.found.remove(id);
        }
        let changed = self.services.set(id, service);
        self.jobs.add(id);
        changed.iter().for_each(|workload| self.tell(workload));
        changed
    }

    /// There is no such Service (any more); its slices go with it.
    pub(super) fn remove_service(&mut self, id: &ServiceId) -> HashSet<WorkloadId> {
        let changed = self.set_service(id, None);
        if self.slices.contains_key(id) {
            self.orphans.insert(id.clone());
        }
        changed
    }

    /// All Services that there are have been said. Those that were not are believed to be gone after a while.
    pub(super) fn services_end(&mut self, now: Time) {
        let known: HashSet<_> = self.services.ids().chain(self.slices.keys()).collect();
        self.gap.ends(known.into_iter(), now);
    }

    /// A slice is as it is said now. What is older than what is known is not taken in: a watch may lag behind the answers
    /// to writes.
    pub(super) fn set_slice(&mut self, service: &ServiceId, seen: Seen) {
        let slices = self.slices.entry(service.clone()).or_default();
        let known = slices.get(&seen.slice.name).and_then(|known| known.version);
        if known <= seen.version || seen.version.is_none() {
            slices.insert(seen.slice.name.clone(), seen);
            self.jobs.add(service);
        }
    }

    /// A slice is gone, as of this version.
    pub(super) fn remove_slice(&mut self, service: &ServiceId, name: &str, version: Option<u64>) {
        let Some(slices) = self.slices.get_mut(service) else { return };
        if slices.get(name).is_some_and(|known| known.version <= version || version.is_none()) {
            slices.remove(name);
            self.jobs.add(service);
        }
        if slices.is_empty() {
            self.slices.remove(service);
            self.orphans.remove(service);
        }
    }

    /// There are no other slices than these.
    pub(super) fn retain_slices(&mut self, named: &HashSet<SliceName>) {
        let State { slices, jobs, orphans, .. } = self;
        slices.retain(|service, slices| {
            let before = slices.len();
            slices.retain(|name, _| named.contains(&(service.clone(), name.clone())));
            if slices.len() < before {
                jobs.add(service);
            }
            !slices.is_empty()
        });
        orphans.retain(|service| slices.contains_key(service));
    }

    /// The Services that lead to a workload, as others are told.
    pub(super) fn seen(&self, id: &WorkloadId) -> Vec<ServiceSeen> {
        let seen = |service: &ServiceId| {
            let front = self.slices.get(service).and_then(|slices| Front::seen(service, slices));
            Some(ServiceSeen {
                service: service.to_string(),
                port: self.services.get(service)?.serve()?.port.name.clone(),
                route: self.turned.get(service).map(|turned| turned.route),
                endpoints: front.map_or(0, |front| front.addresses().len()),
            })
        };
        self.services.of(id).filter_map(seen).collect()
    }

    /// Something changed of a workload: its Services are to be looked at.
    pub(super) fn look_at(&mut self, workload: &WorkloadId) {
        self.services.of(workload).for_each(|id| self.jobs.add(id));
        self.tell(workload);
    }

    /// All Services are to be looked at; those with ready pods first, for they have clients.
    pub(super) fn look_at_all(&mut self, hub: &Hub) {
        let has_pods = |id: &&ServiceId| {
            let serve = self.services.get(id).and_then(Service::serve);
            serve.is_some_and(|serve| hub.pods(&serve.workload).iter().any(|(pod, _)| pod.state == PodState::Ready))
        };
        let (first, rest): (Vec<_>, Vec<_>) = self.services.ids().partition(has_pods);
        let others = self.slices.keys().filter(|id| self.services.get(id).is_none());
        first.into_iter().chain(rest).chain(others).for_each(|id| self.jobs.add(id));
    }

    /// Begins, once all that there is has been heard of: with the ports that workloads had before.
    pub(super) fn sync(&mut self, hub: &Hub, now: Time) {
        let Synced { services: true, slices: true, platform: true, since: None, .. } = self.synced else { return };
        self.synced.since = Some(now);
        self.synced.awaits_until = Some(now + bounds::SYNC_AFTER);
        for (service, slices) in &self.slices {
            for door in slices.values().filter_map(|seen| seen.slice.door.as_ref()) {
                self.doors.recover(service, &door.workload, door.port);
            }
            let found = Front::seen(service, slices).as_ref().map(Found::from);
            self.found.extend(found.map(|found| (service.clone(), found)));
        }
        for (workload, port) in self.doors.all() {
            hub.set_door(workload, Some(port));
        }
        for (id, known) in &self.workloads {
            self.close_unneeded(id, hub);
            known.changed.notify_waiters();
        }
        self.look_at_all(hub);
    }

    /// When there is something to do by itself.
    pub(super) fn due(&self) -> Option<Time> {
        let closes = self.closing.front().map(|(at, _)| *at);
        [self.synced.awaits_until, self.gap.due(), self.jobs.due(), closes].into_iter().flatten().min()
    }

    /// Does what time alone brings. Workloads that are reached otherwise than before.
    pub(super) fn advance(&mut self, now: Time, hub: &Hub) -> HashSet<WorkloadId> {
        while let Some((_, workload)) = self.closing.pop_front_if(|(at, _)| *at <= now) {
            self.close_unneeded(&workload, hub);
        }
        let State { synced, found, jobs, .. } = self;
        if synced.awaits_until.take_if(|until| *until <= now).is_some() {
            found.iter_mut().for_each(|(service, found)| {
                if found.give_up() {
                    jobs.add(service)
                }
            });
        }
        let gone = self.gap.lapsed(now);
        gone.iter().flat_map(|id| self.remove_service(id)).collect()
    }

    /// Takes note of the route that is wished from now on; none if there is no such workload.
    pub(super) fn wish(&mut self, id: &WorkloadId, route: Route) -> Option<Wish> {
        let known = self.workloads.get_mut(id)?;
        known.wish = Some(route);
        known.wishes += 1;
        let wish = Wish { number: known.wishes, changed: Arc::clone(&known.changed) };
        self.look_at(id);
        Some(wish)
    }

    /// What is known of the route that was wished.
    pub(super) fn evidence(
        &self,
        id: &WorkloadId,
        wish: &Wish,
        hub: &Hub,
        settle: Duration,
        now: Time,
    ) -> Result<Evidence, PlatformError> {
        let known = self.workloads.get(id).ok_or_else(|| PlatformError::UnknownWorkload(id.clone()))?;
        let route = match known.wish {
            Some(route) if known.wishes == wish.number => route,
            _ => return Err(PlatformError::Refused(format!("another route was asked for {id} since"))),
        };
        if self.synced.since.is_none() {
            return Ok(Evidence::Waits);
        }
        let services = self.services.of(id).map(|service| self.turned.get(service).copied());
        Ok(evidence(route, services, hub.direct(id), settle, now))
    }

    /// From now on all Services of the workload are given back; none if there is no such workload.
    pub(super) fn release(&mut self, id: &WorkloadId) -> Option<Arc<Notify>> {
        let known = self.workloads.get_mut(id)?;
        known.is_released = true;
        let changed = Arc::clone(&known.changed);
        self.look_at(id);
        Some(changed)
    }

    /// Whether nothing of the workload's Services is ours any more.
    pub(super) fn is_released(&self, id: &WorkloadId) -> bool {
        let is_ours = |service: &ServiceId| {
            self.slices.contains_key(service) || self.services.get(service).is_some_and(|service| service.has_key)
        };
        self.synced.since.is_some() && !self.doors.is_needed(id) && !self.services.of(id).any(is_ours)
    }

    pub(super) fn tell(&self, workload: &WorkloadId) {
        if let Some(known) = self.workloads.get(workload) {
            known.changed.notify_waiters();
        }
    }

    /// An activator may have a door from before this process that nobody needs.
    fn close_unneeded(&self, id: &WorkloadId, hub: &Hub) {
        if !self.doors.is_needed(id) {
            hub.set_door(id, None);
        }
    }
}
