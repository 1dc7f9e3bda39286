//! What is to become of a Service, and what is to be done next for that.

use std::sync::Arc;

use config::{PodState, Route, Time, Workload, WorkloadId, bounds};

use super::desired::{Front, Slices, Wanted};
use super::evidence::Turned;
use super::service::{Asks, Refusal, Serve, Service, ServiceId};
use super::state::State;
use super::step::{Release, Step, give_back, keep};
use super::there::{There, ThesePods};
use crate::kubernetes::names::{FIRST_DOOR, LAST_DOOR, SCALE_LABEL, WORKLOAD_ANNOTATION};
use crate::link::Hub;

/// What was found to be done.
#[derive(Debug)]
pub(super) struct ToDo {
    pub(super) step: Step,
    /// What is to be told of the Service.
    pub(super) told: Option<Refusal>,
}

/// What is to become of a Service.
enum Claim {
    /// It leads to this workload, by this route if one was asked for.
    Keep(Arc<Serve>, Arc<Workload>, Option<Route>),
    /// The workload to which it leads is there, and nothing is known of it but its pods: it leads where it led.
    Stay(Arc<Serve>),
    /// It is Kubernetes', or is to be so again; why, if that is not what was asked for.
    GiveBack(Option<Refusal>),
    /// The same, for there is no such workload. There may be one in a moment: who applies a manifest may name the Service first.
    Lacks(WorkloadId),
}

impl State {
    /// What is to be done next for a Service. Doors are seen to here.
    pub(super) fn next(&mut self, id: &ServiceId, hub: &Hub, now: Time) -> ToDo {
        if self.synced.since.is_none() {
            return ToDo { step: Step::Rest, told: None };
        }
        let claim = self.claim(id, hub);
        if !matches!(claim, Claim::Lacks(_)) {
            self.lacking.remove(id);
        }
        match claim {
            Claim::Keep(serve, workload, wish) => self.keep(id, &serve, &workload, wish, hub, now),
            Claim::Stay(serve) => self.stay(id, &serve),
            Claim::GiveBack(why) => self.give_back(id, why, hub, now),
            Claim::Lacks(workload) => self.lack(id, workload, hub, now),
        }
    }

    /// Kubernetes' own slices lead to a ready pod again.
    pub(super) fn filled(&mut self, id: &ServiceId) {
        if let Some(release) = self.releases.get_mut(id) {
            release.is_filled = true;
        }
    }

    /// The workload to which the Service leads or led.
    pub(super) fn leads_to(&self, id: &ServiceId) -> Option<WorkloadId> {
        let asked = self.services.get(id).and_then(Service::serve).map(|serve| serve.workload.clone());
        let slices = self.slices.get(id).into_iter().flat_map(Slices::values);
        let mut seen = slices.filter_map(|seen| Some(seen.slice.door.as_ref()?.workload.clone()));
        seen.next().or(asked)
    }

    /// `what`, if it is to be told of the Service because it was not before.
    pub(super) fn once(&mut self, id: &ServiceId, what: Option<Refusal>) -> Option<Refusal> {
        match &what {
            Some(what) if self.told.get(id) == Some(what) => return None,
            Some(what) => drop(self.told.insert(id.clone(), what.clone())),
            None => drop(self.told.remove(id)),
        }
        what
    }

    fn claim(&self, id: &ServiceId, hub: &Hub) -> Claim {
        let serve = match self.services.get(id).map(|service| &service.asks) {
            None | Some(Asks::Nothing) => return Claim::GiveBack(None),
            Some(Asks::Refused(refusal)) => return Claim::GiveBack(Some(refusal.clone())),
            Some(Asks::Serve(serve)) => serve,
        };
        match self.workloads.get(&serve.workload) {
            None if hub.sees(&serve.workload) => match self.leads_to_somebody(id, hub) {
                true => Claim::Stay(Arc::clone(serve)),
                false => Claim::GiveBack(None), // what is wrong with the workload is told of that
            },
            None => Claim::Lacks(serve.workload.clone()),
            Some(known) if known.is_released => Claim::GiveBack(None),
            Some(known) => Claim::Keep(Arc::clone(serve), Arc::clone(&known.workload), known.wish),
        }
    }

    /// Whether anybody is there to whom the Service leads, as far as that is known of one whose workload is not.
    fn leads_to_somebody(&self, id: &ServiceId, hub: &Hub) -> bool {
        match self.slices.get(id).and_then(|slices| Front::seen(id, slices)) {
            Some(Front::Activators(ips)) if self.synced.awaits_until.is_none() => {
                hub.activators().iter().any(|activator| ips.contains(&activator.ip))
            }
            Some(front) => !front.addresses().is_empty(),
            None => false,
        }
    }

    /// Pods may be replaced while nothing is known of their workload: what leads to pods leads to those that are ready, and
    /// as before while there is none.
    fn stay(&mut self, id: &ServiceId, serve: &Serve) -> ToDo {
        self.releases.remove(id);
        let step = self.staying(id, serve).unwrap_or(Step::Rest);
        let told = if step == Step::Rest { self.once(id, None) } else { None };
        ToDo { step, told }
    }

    fn staying(&self, id: &ServiceId, serve: &Serve) -> Option<Step> {
        let pods = ThesePods::of(self.stand_ins.get(&serve.workload)?.values().cloned(), &self.pod_ports);
        if pods.ready.is_empty() {
            return None;
        }
        let (slices, service) = (self.slices.get(id)?, self.services.get(id)?);
        let mut doors = slices.values().filter_map(|seen| seen.slice.door.as_ref());
        let door = doors.find(|door| door.workload == serve.workload)?.port;
        let front = match Front::seen(id, slices)? {
            Front::Pods(_) if !pods.served.is_empty() => Front::Pods(pods.served),
            seen => seen,
        };
        let wanted = Wanted { service: id, serve, door, front: &front, ready: &pods.ready };
        Some(keep(&wanted, slices, &service.uid, service.has_key))
    }

    fn keep(
        &mut self,
        id: &ServiceId,
        serve: &Serve,
        workload: &Workload,
        wish: Option<Route>,
        hub: &Hub,
        now: Time,
    ) -> ToDo {
        self.releases.remove(id);
        let Some(door) = self.doors.claim(id, &workload.id, now) else {
            return ToDo { step: Step::Rest, told: self.once(id, Some(no_port_left())) };
        };
        hub.set_door(&workload.id, Some(door));
        let there = There::of(hub, workload, door, &self.pod_ports);
        let front = there.front(self.found.get_mut(id), wish);
        let none = Slices::new();
        let slices = self.slices.get(id).unwrap_or(&none);
        // Nobody is linked, and so there is nobody better than those whom the slices name.
        if front.addresses().is_empty() && slices.values().any(|seen| !seen.slice.endpoints.is_empty()) {
            self.turned.remove(id);
            return ToDo { step: Step::Rest, told: None };
        }
        let wanted = Wanted { service: id, serve, door, front: &front, ready: &there.pods.ready };
        let service = self.services.get(id);
        let (owner, has_key) = service.map(|service| (&*service.uid, service.has_key)).unwrap_or_default();
        let step = keep(&wanted, slices, owner, has_key);
        let leads = has_key && !front.addresses().is_empty();
        self.turn(id, &workload.id, front.route(), leads, &step, now);
        if step == Step::Rest {
            self.close(id, Some(&workload.id), now);
        }
        let told = if step == Step::Rest { self.once(id, None) } else { None };
        ToDo { step, told }
    }

    /// Takes note of where the Service leads, by what is still to be done until it does.
    fn turn(&mut self, id: &ServiceId, workload: &WorkloadId, route: Route, leads: bool, step: &Step, now: Time) {
        let stays = self.turned.get(id).is_some_and(|turned| turned.route == route);
        if !leads || (*step != Step::Rest && !stays) {
            self.turned.remove(id);
        } else if !stays {
            self.turned.insert(id.clone(), Turned { route, at: now });
            self.tell(workload);
        }
    }

    /// A Service whose workload is not there is led no more at once, and told so after a while. One that came with the key
    /// and was never led waits as long: its workload comes with it.
    fn lack(&mut self, id: &ServiceId, workload: WorkloadId, hub: &Hub, now: Time) -> ToDo {
        let since = match self.lacking.get(id) {
            Some((lacks, since)) if *lacks == workload => *since,
            _ => now,
        };
        let left = bounds::KUBE_PATIENCE.saturating_sub(now.since(since));
        let why = left.is_zero().then(|| no_workload(&workload));
        self.lacking.insert(id.clone(), (workload, since));
        let has_key = self.services.get(id).is_some_and(|service| service.has_key);
        if has_key && !self.slices.contains_key(id) && !left.is_zero() {
            return ToDo { step: Step::Wait(left), told: None };
        }
        let mut to_do = self.give_back(id, why, hub, now);
        if to_do.step == Step::Rest && !left.is_zero() {
            to_do.step = Step::Wait(left);
        }
        to_do
    }

    fn give_back(&mut self, id: &ServiceId, why: Option<Refusal>, hub: &Hub, now: Time) -> ToDo {
        let told = self.once(id, why);
        self.turned.remove(id);
        let has_key = self.services.get(id).is_some_and(|service| service.has_key);
        let none = Slices::new();
        let slices = self.slices.get(id).unwrap_or(&none);
        if !has_key && (slices.is_empty() || self.orphans.contains(id)) {
            self.releases.remove(id);
            self.close(id, None, now);
            return ToDo { step: Step::Rest, told };
        }
        // Of a workload that is not ours any more, whoever let it go has seen to its pods.
        let workload = self.leads_to(id);
        let ours = workload.as_ref().and_then(|id| self.workloads.get(id));
        let is_ready = |id: &WorkloadId| hub.pods(id).iter().any(|(pod, _)| pod.state == PodState::Ready);
        let has_pod = ours.is_none_or(|known| known.is_released || is_ready(&known.workload.id));
        let patience = ours.map_or(bounds::RELEASE_PATIENCE, |known| known.workload.policy.progress_deadline);
        let release = self.releases.entry(id.clone()).or_insert(Release { since: now, is_filled: false, patience });
        release.patience = patience;
        ToDo { step: give_back(release, slices, has_key, has_pod, now), told }
    }

    /// The Service leads to this workload and to no other: doors close that nobody needs any more, a little later, for
    /// nodes still send clients there.
    fn close(&mut self, id: &ServiceId, leads_to: Option<&WorkloadId>, now: Time) {
        for workload in self.doors.settle(id, leads_to, now) {
            self.tell(&workload);
            self.closing.push_back((now + bounds::DOOR_LINGER, workload));
        }
    }
}

fn no_workload(id: &WorkloadId) -> Refusal {
    let (namespace, kind, name) = (id.namespace(), id.kind(), id.name());
    let message = format!(
        "{WORKLOAD_ANNOTATION}: there is no {kind} {name} in {namespace} with the label {SCALE_LABEL}: \"true\"; requests \
         go to whatever pods the selector selects"
    );
    Refusal { reason: "NoWorkload", message }
}

fn no_port_left() -> Refusal {
    let message = format!("all ports of activators, {FIRST_DOOR} to {LAST_DOOR}, are taken by other workloads");
    Refusal { reason: "NoPortLeft", message }
}
