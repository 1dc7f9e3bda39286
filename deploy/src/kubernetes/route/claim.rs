//! What is to become of a Service, and what is to be done next for that.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use config::{PodId, PodState, Route, Time, Workload, WorkloadId, bounds};

use super::choose::{choose, needed};
use super::desired::{Front, NamedPorts, ReadyPod, Slices, Wanted};
use super::evidence::Turned;
use super::found::Found;
use super::service::{Asks, Refusal, Serve, Service, ServiceId};
use super::state::State;
use super::step::{Release, Step, give_back, keep};
use crate::kubernetes::names::{FIRST_DOOR, LAST_DOOR, SCALE_LABEL, WORKLOAD_ANNOTATION};
use crate::link::{ActivatorSeen, Hub};

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
    /// The workload to which it leads is there, and nothing more is known of it: it stays as it is.
    Stay,
    /// It is Kubernetes', or is to be so again; why, if that is not what was asked for.
    GiveBack(Option<Refusal>),
    /// The same, for there is no such workload. There may be one in a moment: who applies a manifest may name the Service first.
    Lacks(WorkloadId),
}

/// Who there is to lead to.
struct View {
    /// Those that are chosen, and have the door.
    activators: BTreeSet<IpAddr>,
    ready: Vec<ReadyPod>,
    /// Ready pods with a queue-proxy.
    served: BTreeSet<IpAddr>,
    /// Pods that do not drain.
    alive: BTreeSet<IpAddr>,
    /// Activators and pods that need not be believed in for lack of news.
    heard: BTreeSet<IpAddr>,
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
            Claim::Stay => {
                self.releases.remove(id);
                ToDo { step: Step::Rest, told: self.once(id, None) }
            }
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
                true => Claim::Stay,
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
        let view = View::of(hub, workload, door, &self.pod_ports);
        let front = view.front(self.found.get_mut(id), wish);
        let none = Slices::new();
        let slices = self.slices.get(id).unwrap_or(&none);
        // Nobody is linked, and so there is nobody better than those whom the slices name.
        if front.addresses().is_empty() && slices.values().any(|seen| !seen.slice.endpoints.is_empty()) {
            self.turned.remove(id);
            return ToDo { step: Step::Rest, told: None };
        }
        let wanted = Wanted { service: id, serve, door, front: &front, ready: &view.ready };
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

impl View {
    fn of(hub: &Hub, workload: &Workload, door: u16, pod_ports: &HashMap<PodId, NamedPorts>) -> View {
        let id = &workload.id;
        let mut view = View {
            activators: BTreeSet::new(),
            ready: Vec::new(),
            served: BTreeSet::new(),
            alive: BTreeSet::new(),
            heard: BTreeSet::new(),
        };
        for (pod, _) in hub.pods(id) {
            let ip = pod.address.ip();
            if ip.is_unspecified() || pod.state == PodState::Draining {
                continue;
            }
            view.alive.insert(ip);
            if pod.state == PodState::Ready {
                view.heard.insert(ip);
                view.ready.push(ReadyPod { ip, ports: pod_ports.get(&pod.id).cloned().unwrap_or_default() });
                if pod.has_queue_proxy {
                    view.served.insert(ip);
                }
            }
        }
        let all = hub.activators();
        let has_spoken = |activator: &&ActivatorSeen| activator.is_leaving || hub.has_door(&activator.name, id, door);
        let spoken: Vec<_> = all.iter().filter(has_spoken).collect();
        view.heard.extend(spoken.iter().map(|activator| activator.ip));
        let can_be_led_to = |activator: &&ActivatorSeen| !activator.is_leaving && !activator.ip.is_unspecified();
        let can_be_led_to = spoken.into_iter().filter(can_be_led_to);
        view.activators = choose(id, can_be_led_to, needed(&workload.policy, view.ready.len() as u32));
        view
    }

    /// Where requests are to go: as it is wished, else as it was found.
    fn front(&self, found: Option<&mut Found>, wish: Option<Route>) -> Front {
        let (activators, pods) = (self.activators.clone(), self.served.clone());
        let Some(found) = found else { return Front::new(wish.unwrap_or(Route::Activator), activators, pods) };
        found.hear(&self.heard);
        Front::new(wish.unwrap_or(found.route), found.activators(activators), found.pods(pods, &self.alive))
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
