//! Pods that carry the label `rouse.dev/inject`, as far as they matter.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use config::{Failure, Pod, PodId, PodState, Time, WorkloadId};

use super::failures;
use super::names::{QUEUE_PORT, QUEUE_PORT_NAME, QUEUE_PROXY};
use super::objects::Metadata;
use super::objects::pod::{Container, PodObject};
use super::objects::selector::Labels;
use super::route::NamedPorts;

/// The pod's name for its whole life: `NAME.UID`.
pub(super) fn id(metadata: &Metadata) -> PodId {
    PodId::new(&format!("{}.{}", metadata.name(), metadata.uid()))
}

/// What an object says of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) state: PodState,
    /// Where it serves; unspecified while nobody knows.
    pub(super) address: SocketAddr,
    pub(super) has_queue_proxy: bool,
    /// Why its containers do not run.
    pub(super) broken: Option<Failure>,
    /// How often one of them has exited, and how the last time.
    pub(super) exits: (u32, String),
    /// What the scheduler says that cannot place it.
    pub(super) unschedulable: Option<String>,
}

impl Facts {
    pub(super) fn of(pod: &PodObject) -> Facts {
        let all = || pod.spec.init_containers.iter().chain(&pod.spec.containers);
        let has_queue_proxy = all().any(is_queue_proxy);
        let port = if has_queue_proxy { Some(QUEUE_PORT) } else { app_port(&pod.spec.containers) };
        let address = pod.status.pod_ip.parse::<IpAddr>().ok().zip(port).map(SocketAddr::from);
        let is_ready = pod.status.condition("Ready").is_some_and(|ready| ready.status == "True");
        let state = match pod.status.phase.as_str() {
            "Succeeded" | "Failed" => PodState::Gone,
            _ if pod.metadata.object.deletion_timestamp.is_some() => PodState::Draining,
            // Nobody can be sent to one without an address.
            _ if is_ready && address.is_some() => PodState::Ready,
            _ => PodState::Starting,
        };
        Facts {
            state,
            address: address.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
            has_queue_proxy,
            broken: failures::of_containers(&pod.status),
            exits: failures::exits(&pod.status),
            unschedulable: failures::unschedulable(&pod.status).map(str::to_owned),
        }
    }
}

fn is_queue_proxy(container: &Container) -> bool {
    let serves = |port: &super::objects::pod::Port| port.name == QUEUE_PORT_NAME || port.container_port == QUEUE_PORT;
    container.name == QUEUE_PROXY && container.ports.iter().any(serves)
}

/// The ports that its containers name, by which Services may name their targets.
fn named_ports(pod: &PodObject) -> NamedPorts {
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    ports.filter(|port| !port.name.is_empty()).map(|port| (port.name.clone(), port.container_port)).collect()
}

/// The first port of the first container.
fn app_port(containers: &[Container]) -> Option<u16> {
    Some(containers.first()?.ports.first()?.container_port).filter(|port| *port > 0)
}

/// One pod.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) namespace: Arc<str>,
    pub(super) labels: Arc<Labels>,
    /// The ports that its containers name: the same for its whole life.
    pub(super) ports: NamedPorts,
    pub(super) facts: Facts,
    pub(super) created: Time,
    /// When this process first saw it.
    pub(super) seen: Time,
    /// How often a container had exited when it was last ready: those exits are no crash loop.
    pub(super) calm: u32,
    pub(super) was_ready: bool,
    pub(super) unschedulable_since: Option<Time>,
    /// Whose it is.
    pub(super) owner: Option<WorkloadId>,
    /// What was said of it last.
    pub(super) told: Option<Pod>,
}

impl Known {
    /// As it is to be told of.
    pub(super) fn pod(&self, id: &PodId, workload: &WorkloadId) -> Pod {
        let Facts { state, address, has_queue_proxy, .. } = self.facts;
        Pod { id: id.clone(), workload: workload.clone(), address, state, has_queue_proxy, created: self.created }
    }

    fn take(&mut self, facts: Facts, now: Time) {
        if facts.state == PodState::Ready {
            (self.calm, self.was_ready) = (facts.exits.0, true);
        }
        self.unschedulable_since = facts.unschedulable.as_ref().map(|_| self.unschedulable_since.unwrap_or(now));
        self.facts = facts;
    }
}

/// All pods.
#[derive(Debug, Default)]
pub(super) struct Pods {
    known: HashMap<PodId, Known>,
    of_workload: HashMap<WorkloadId, BTreeSet<PodId>>,
    in_namespace: HashMap<Arc<str>, HashSet<PodId>>,
    /// The pods of a workload have the same labels: they are kept once.
    labels: HashSet<Arc<Labels>>,
}

impl Pods {
    /// Takes in an object: whether anything of it matters.
    pub(super) fn see(&mut self, object: &PodObject, created: Time, now: Time) -> (PodId, bool) {
        let id = id(&object.metadata);
        let facts = Facts::of(object);
        let labels = object.metadata.object.labels.as_ref();
        if let Some(known) = self.known.get_mut(&id) {
            let is_same = known.facts == facts && labels.is_some_and(|labels| *labels == *known.labels);
            if !is_same {
                known.take(facts, now);
                self.relabel(&id, labels);
            }
            return (id, !is_same);
        }
        let namespace = match self.in_namespace.get_key_value(object.metadata.namespace()) {
            Some((namespace, _)) => Arc::clone(namespace),
            None => object.metadata.namespace().into(),
        };
        self.in_namespace.entry(Arc::clone(&namespace)).or_default().insert(id.clone());
        let mut known = Known {
            namespace,
            labels: Self::shared(&mut self.labels, labels),
            ports: named_ports(object),
            facts: facts.clone(),
            created,
            seen: now,
            calm: 0,
            was_ready: false,
            unschedulable_since: None,
            owner: None,
            told: None,
        };
        known.take(facts, now);
        self.known.insert(id.clone(), known);
        (id, true)
    }

    fn shared(all: &mut HashSet<Arc<Labels>>, labels: Option<&Labels>) -> Arc<Labels> {
        let labels = labels.cloned().unwrap_or_default();
        if let Some(known) = all.get(&labels) {
            return Arc::clone(known);
        }
        let labels = Arc::new(labels);
        all.insert(Arc::clone(&labels));
        labels
    }

    fn relabel(&mut self, id: &PodId, labels: Option<&Labels>) {
        let Some(known) = self.known.get_mut(id) else { return };
        let old = std::mem::replace(&mut known.labels, Self::shared(&mut self.labels, labels));
        self.release(old);
    }

    fn release(&mut self, labels: Arc<Labels>) {
        // This and the one in the set.
        if Arc::strong_count(&labels) <= 2 {
            self.labels.remove(&labels);
        }
    }

    /// The pod is gone: whose it was, and what was said of it last.
    pub(super) fn remove(&mut self, id: &PodId) -> Option<(Option<WorkloadId>, Option<Pod>)> {
        let owner = self.set_owner(id, None);
        let Known { namespace, labels, told, .. } = self.known.remove(id)?;
        if let Some(pods) = self.in_namespace.get_mut(&namespace) {
            pods.remove(id);
            if pods.is_empty() {
                self.in_namespace.remove(&namespace);
            }
        }
        self.release(labels);
        Some((owner, told))
    }

    /// Says whose it is; tells whose it was.
    pub(super) fn set_owner(&mut self, id: &PodId, owner: Option<WorkloadId>) -> Option<WorkloadId> {
        let known = self.known.get_mut(id)?;
        let before = std::mem::replace(&mut known.owner, owner.clone());
        if before == owner {
            return before;
        }
        if let Some(before) = &before
            && let Some(pods) = self.of_workload.get_mut(before)
        {
            pods.remove(id);
            if pods.is_empty() {
                self.of_workload.remove(before);
            }
        }
        if let Some(owner) = owner {
            self.of_workload.entry(owner).or_default().insert(id.clone());
        }
        before
    }

    pub(super) fn get(&self, id: &PodId) -> Option<&Known> {
        self.known.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &PodId) -> Option<&mut Known> {
        self.known.get_mut(id)
    }

    /// All there are.
    pub(super) fn ids(&self) -> impl Iterator<Item = &PodId> {
        self.known.keys()
    }

    /// Those of a namespace.
    pub(super) fn in_namespace(&self, namespace: &str) -> Vec<PodId> {
        self.in_namespace.get(namespace).into_iter().flatten().cloned().collect()
    }

    /// Those of a workload, by name.
    pub(super) fn of(&self, workload: &WorkloadId) -> impl Iterator<Item = (&PodId, &Known)> {
        let ids = self.of_workload.get(workload).into_iter().flatten();
        ids.filter_map(|id| Some((id, self.known.get(id)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, change: impl FnOnce(&mut Value)) -> PodObject {
        // As an apiserver serves an injected pod that runs, but for what is not read.
        let mut pod = json!({
            "metadata": {
                "name": name, "namespace": "shop", "uid": "0b1c", "resourceVersion": "5",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "labels": { "app": "hello", "pod-template-hash": "7d4", "rouse.dev/inject": "true" },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "hello-7d4", "uid": "r",
                    "controller": true, "blockOwnerDeletion": true }],
            },
            "spec": {
                "nodeName": "node-1",
                "containers": [
                    { "name": "app", "image": "app", "ports": [{ "containerPort": 8080, "protocol": "TCP" }] },
                    { "name": "queue-proxy", "image": "rouse", "ports": [
                        { "name": "rouse-queue", "containerPort": 8012, "protocol": "TCP" },
                    ] },
                ],
            },
            "status": {
                "phase": "Running", "podIP": "10.244.0.7", "podIPs": [{ "ip": "10.244.0.7" }],
                "conditions": [{ "type": "Ready", "status": "True" }, { "type": "PodScheduled", "status": "True" }],
            },
        });
        change(&mut pod);
        serde_json::from_value(pod).unwrap()
    }

    fn facts(change: impl FnOnce(&mut Value)) -> (PodState, String, bool) {
        let facts = Facts::of(&pod("hello-7d4-x", change));
        (facts.state, facts.address.to_string(), facts.has_queue_proxy)
    }

    #[test]
    fn a_pod_serves_at_its_queue_proxy_classic_or_native() {
        let ready = (PodState::Ready, "10.244.0.7:8012".to_owned(), true);
        assert_eq!(facts(|_| ()), ready);
        let native = |pod: &mut Value| {
            let sidecar = pod["spec"]["containers"].as_array_mut().unwrap().pop().unwrap();
            pod["spec"]["initContainers"] = json!([{ "name": "migrate" }, sidecar]);
        };
        assert_eq!(facts(native), ready);
    }

    #[test]
    fn without_one_it_serves_at_its_first_port() {
        let bare = |pod: &mut Value| drop(pod["spec"]["containers"].as_array_mut().unwrap().pop());
        assert_eq!(facts(bare), (PodState::Ready, "10.244.0.7:8080".to_owned(), false));
        let no_port = |pod: &mut Value| pod["spec"]["containers"] = json!([{ "name": "app" }]);
        assert_eq!(facts(no_port), (PodState::Starting, "0.0.0.0:0".to_owned(), false));
        // Somebody's own container of that name is none of ours.
        let other = |pod: &mut Value| pod["spec"]["containers"][1]["ports"] = json!([{ "containerPort": 9000 }]);
        assert_eq!(facts(other), (PodState::Ready, "10.244.0.7:8080".to_owned(), false));
    }

    #[test]
    fn its_state_follows_condition_deletion_and_phase() {
        let pending = |pod: &mut Value| pod["status"] = json!({ "phase": "Pending" });
        assert_eq!(facts(pending), (PodState::Starting, "0.0.0.0:0".to_owned(), true));
        let unready = |pod: &mut Value| pod["status"]["conditions"][0]["status"] = "False".into();
        assert_eq!(facts(unready).0, PodState::Starting);
        let deleted = |pod: &mut Value| pod["metadata"]["deletionTimestamp"] = "2026-01-02T03:05:05Z".into();
        assert_eq!(facts(deleted).0, PodState::Draining);
        let evicted = |pod: &mut Value| pod["status"]["phase"] = "Failed".into();
        assert_eq!(facts(evicted).0, PodState::Gone);
    }

    #[test]
    fn a_change_that_does_not_matter_is_none() {
        let (mut pods, now) = (Pods::default(), Time::ZERO);
        let (id, is_new) = pods.see(&pod("hello-1", |_| ()), now, now);
        assert_eq!((id.as_str(), is_new), ("hello-1.0b1c", true));
        let noise = |pod: &mut Value| pod["metadata"]["resourceVersion"] = "6".into();
        assert!(!pods.see(&pod("hello-1", noise), now, now).1);
        let unready = |pod: &mut Value| pod["status"]["conditions"][0]["status"] = "False".into();
        assert!(pods.see(&pod("hello-1", unready), now, now).1);
    }

    #[test]
    fn pods_of_one_workload_share_their_labels_and_leave_nothing_behind() {
        let (mut pods, now) = (Pods::default(), Time::ZERO);
        let ids: Vec<PodId> = (0..100).map(|n| pods.see(&pod(&format!("hello-{n}"), |_| ()), now, now).0).collect();
        assert_eq!(pods.labels.len(), 1);
        let workload: WorkloadId = "shop/hello".parse().unwrap();
        for id in &ids {
            assert_eq!(pods.set_owner(id, Some(workload.clone())), None);
        }
        let relabelled = |pod: &mut Value| pod["metadata"]["labels"]["app"] = "other".into();
        assert!(pods.see(&pod("hello-0", relabelled), now, now).1);
        assert_eq!((pods.labels.len(), pods.of(&workload).count()), (2, 100));
        for id in &ids {
            assert_eq!(pods.remove(id), Some((Some(workload.clone()), None)));
        }
        assert!(pods.known.is_empty() && pods.labels.is_empty());
        assert!(pods.in_namespace.is_empty() && pods.of_workload.is_empty());
    }

    #[test]
    fn exits_before_it_was_ready_are_no_loop_after() {
        let (mut pods, now) = (Pods::default(), Time::ZERO + Duration::from_secs(9));
        let exited = |ready: &'static str, restarts: u32| {
            pod("hello-1", |pod| {
                pod["status"]["conditions"][0]["status"] = ready.into();
                pod["status"]["containerStatuses"] = json!([{ "name": "app", "restartCount": restarts }]);
            })
        };
        let (id, _) = pods.see(&exited("False", 2), now, now);
        assert_eq!((pods.get(&id).unwrap().calm, pods.get(&id).unwrap().was_ready), (0, false));
        pods.see(&exited("True", 2), now, now);
        pods.see(&exited("False", 3), now, now);
        assert_eq!((pods.get(&id).unwrap().calm, pods.get(&id).unwrap().was_ready), (2, true));
    }
}
