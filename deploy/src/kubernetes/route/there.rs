//! Who there is to lead to.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use config::{Pod, PodId, PodState, Route, Workload};

use super::choose::{choose, needed};
use super::desired::{Front, NamedPorts, ReadyPod};
use super::found::Found;
use crate::link::{ActivatorSeen, Hub};

/// Who there is to lead to.
pub(super) struct There {
    /// Those that are chosen, and have the door.
    activators: BTreeSet<IpAddr>,
    pub(super) pods: ThesePods,
    /// Activators and pods that need not be believed in for lack of news.
    heard: BTreeSet<IpAddr>,
}

/// The pods among them.
#[derive(Default)]
pub(super) struct ThesePods {
    pub(super) ready: Vec<ReadyPod>,
    /// Ready ones with a queue-proxy.
    pub(super) served: BTreeSet<IpAddr>,
    /// Those that do not drain.
    alive: BTreeSet<IpAddr>,
}

impl There {
    pub(super) fn of(hub: &Hub, workload: &Workload, door: u16, pod_ports: &HashMap<PodId, NamedPorts>) -> There {
        let id = &workload.id;
        let pods = ThesePods::of(hub.pods(id).into_iter().map(|(pod, _)| pod), pod_ports);
        let mut heard: BTreeSet<IpAddr> = pods.ready.iter().map(|pod| pod.ip).collect();
        let all = hub.activators();
        let has_spoken = |activator: &&ActivatorSeen| activator.is_leaving || hub.has_door(&activator.name, id, door);
        let spoken: Vec<_> = all.iter().filter(has_spoken).collect();
        heard.extend(spoken.iter().map(|activator| activator.ip));
        let can_be_led_to = |activator: &&ActivatorSeen| !activator.is_leaving && !activator.ip.is_unspecified();
        let can_be_led_to = spoken.into_iter().filter(can_be_led_to);
        let activators = choose(id, can_be_led_to, needed(&workload.policy, pods.ready.len() as u32));
        There { activators, pods, heard }
    }

    /// Where requests are to go: as it is wished, else as it was found.
    pub(super) fn front(&self, found: Option<&mut Found>, wish: Option<Route>) -> Front {
        let (activators, pods) = (self.activators.clone(), self.pods.served.clone());
        let Some(found) = found else { return Front::new(wish.unwrap_or(Route::Activator), activators, pods) };
        found.hear(&self.heard);
        let pods = found.pods(pods, &self.pods.alive);
        Front::new(wish.unwrap_or(found.route), found.activators(activators), pods)
    }
}

impl ThesePods {
    pub(super) fn of(pods: impl Iterator<Item = Pod>, pod_ports: &HashMap<PodId, NamedPorts>) -> ThesePods {
        let mut these = ThesePods::default();
        for pod in pods {
            let ip = pod.address.ip();
            if ip.is_unspecified() || pod.state == PodState::Draining {
                continue;
            }
            these.alive.insert(ip);
            if pod.state == PodState::Ready {
                these.ready.push(ReadyPod { ip, ports: pod_ports.get(&pod.id).cloned().unwrap_or_default() });
                if pod.has_queue_proxy {
                    these.served.insert(ip);
                }
            }
        }
        these
    }
}
