//! The part that owns Services and their slices.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use config::{PlatformError, Pod, PodId, Route, Workload, WorkloadId, bounds};
use kube::core::ApiResource;
use parking_lot::Mutex;
use queue_proxy::Clock;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::desired::NamedPorts;
use super::evidence::Evidence;
use super::jobs::Outcome;
use super::service::{Refusal, Service, ServiceId};
use super::state::State;
use super::watches::{Said, Watches};
use crate::gathered::{Follower, Gathered};
use crate::kubernetes::platform::Reach;
use crate::kubernetes::route_calls::RouteCall;
use crate::kubernetes::told::{About, ObjectRef, Teller, Told, Tone};
use crate::kubernetes::writes::Writes;
use crate::link::{Changed, Hub};

/// Leads the requests of Services to activators or to pods.
///
/// It has its own watches of Services and of its slices, and is told of workloads ([`Router::workload`]). What is to be
/// done for a Service follows each time from what is seen, so that foreign edits are mended and a new autoscaler goes on
/// where the last one was. Nothing is written before all that there is has been heard of.
pub struct Router {
    pub(super) writes: Writes,
    /// EndpointSlices, in the version that the cluster has.
    pub(super) slices: ApiResource,
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    teller: Teller,
    wakes: mpsc::Sender<WorkloadId>,
    settle: Duration,
    /// There is something to look at.
    changed: Notify,
    reached: Arc<Gathered<HashSet<WorkloadId>>>,
}

/// What a router is made of.
#[derive(Clone, Debug)]
pub struct RouterParts {
    /// How it reads and writes.
    pub writes: Writes,
    /// EndpointSlices, as discovered: `discovery.k8s.io/v1`, or `v1beta1`.
    pub slices: ApiResource,
    /// Who is linked, and what is believed of pods.
    pub hub: Arc<Hub>,
    /// Who hears what is wrong with Services.
    pub teller: Teller,
    /// Workloads of which a Service is to be given back: somebody is to see to it that there is a ready pod. Said once at
    /// least, and without one again each [`config::bounds::RELEASE_LOOK`] until there is one.
    pub wakes: mpsc::Sender<WorkloadId>,
    /// What time it is.
    pub clock: Clock,
    /// For how long no pod may have seen a request past the activators until it is believed that there are no more.
    pub settle: Duration,
}

/// A Service that leads to a workload, as `explain` tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceSeen {
    /// `NAMESPACE/NAME`
    pub service: String,
    /// The name of the port that is served.
    pub port: String,
    /// Where it leads for certain, if it leads anywhere by our doing.
    pub route: Option<Route>,
    /// Endpoints in the slices of that port.
    pub endpoints: usize,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("slices", &self.slices.api_version).finish_non_exhaustive()
    }
}

impl Router {
    /// A router that does nothing before it runs.
    pub fn new(parts: RouterParts) -> Arc<Router> {
        let RouterParts { writes, slices, hub, teller, wakes, clock, settle } = parts;
        let (state, changed, reached) = (Mutex::default(), Notify::new(), Arc::default());
        Arc::new(Router { writes, slices, hub, clock, state, teller, wakes, settle, changed, reached })
    }

    /// Watches and writes until it is dropped; once. Only the autoscaler that decides does that, and with a router that is
    /// new.
    pub async fn run(self: Arc<Router>) {
        let mut watches = Watches::new(self.writes.client(), &self.slices);
        let mut hub = self.hub.follow();
        let mut looks = JoinSet::new();
        loop {
            let due = self.start(&mut looks);
            let due = async {
                match due {
                    Some(instant) => sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased; // what has ended makes room
                Some(ended) = looks.join_next() => {
                    let (id, outcome): (ServiceId, Outcome) = ended.expect("looks do not panic and are not aborted");
                    self.state.lock().jobs.ended(&id, outcome, self.clock.now());
                }
                changed = hub.next() => self.changed_at_hub(changed),
                said = watches.next() => self.said(said),
                () = self.changed.notified() => {}
                () = due => {}
            }
        }
    }

    /// There is such a workload, though it may be that nothing can be told of it yet: then its Services stay as they are.
    pub fn exists(&self, id: &WorkloadId) {
        self.hub.workload_seen(id);
        self.look_at(id);
    }

    /// There is no such workload any more, or it is not ours. [`Router::workload_gone`] comes after, if it was known.
    pub fn exists_no_more(&self, id: &WorkloadId) {
        self.hub.workload_unseen(id);
        self.look_at(id);
    }

    fn look_at(&self, id: &WorkloadId) {
        self.state.lock().look_at(id);
        self.changed.notify_one();
    }

    /// The workload is new, or its settings changed.
    pub fn workload(&self, workload: &Arc<Workload>) {
        self.state.lock().set_workload(workload, &self.hub);
        self.changed.notify_one();
    }

    /// The workload is no more, or not ours any more: its Services are given back. Where it still has clients,
    /// [`Router::release`] comes before.
    pub fn workload_gone(&self, id: &WorkloadId) {
        self.state.lock().remove_workload(id);
        self.changed.notify_one();
    }

    /// All workloads and pods that there are have been told. Before that nothing is done, and pods with a token may speak
    /// that were not.
    pub fn platform_is_complete(&self) {
        self.hub.pods_are_listed();
        let mut state = self.state.lock();
        state.synced.platform = true;
        state.sync(&self.hub, self.clock.now());
        drop(state);
        self.changed.notify_one();
    }

    /// The ports that the containers of a pod of this workload name, by which Services may name their targets. They are kept
    /// until [`Router::pod_gone`].
    pub fn pod_ports(&self, workload: &WorkloadId, pod: &PodId, ports: &NamedPorts) {
        let mut state = self.state.lock();
        let before = state.pod_ports.insert(pod.clone(), NamedPorts::clone(ports));
        if before.as_ref() != Some(ports) {
            state.look_at(workload);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// A pod of a workload that [`exists`](Router::exists) and cannot be told of, as the platform has it. What leads to pods
    /// of it leads to those that are ready, and activators that know it hear of them. They are kept until
    /// [`Router::pod_gone`], or [`Router::workload`].
    pub fn stand_in(&self, pod: &Pod) {
        self.hub.stand_in(pod);
        self.state.lock().set_stand_in(pod);
        self.changed.notify_one();
    }

    /// The pod is no more, or not this workload's any more.
    pub fn pod_gone(&self, workload: &WorkloadId, pod: &PodId) {
        self.hub.stand_in_gone(workload, pod);
        self.state.lock().remove_pod(workload, pod);
        self.changed.notify_one();
    }

    /// Leads requests to activators or to pods. Resolves when there is evidence that all go there; until then it is tried
    /// again, whatever fails. What was asked for stays asked for if the future is dropped.
    ///
    /// # Errors
    /// When there is no such workload (any more), or another route was asked for meanwhile.
    pub async fn route(&self, id: &WorkloadId, route: Route) -> Result<(), PlatformError> {
        let wish = self.state.lock().wish(id, route).ok_or_else(|| PlatformError::UnknownWorkload(id.clone()))?;
        self.changed.notify_one();
        loop {
            let changed = wish.changed.notified();
            let now = self.clock.now();
            let seen = self.state.lock().evidence(id, &wish, &self.hub, self.settle, now)?;
            match seen {
                Evidence::True => return Ok(()),
                Evidence::Waits => changed.await,
                Evidence::By(time) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(self.clock.instant_of(time)) => {}
                },
            }
        }
    }

    /// Carries out calls for as long as there are any to come. One that nobody waits for any more is let go.
    pub async fn carry_out(self: Arc<Router>, mut calls: mpsc::Receiver<RouteCall>) {
        let mut routing = JoinSet::new();
        loop {
            tokio::select! {
                call = calls.recv() => {
                    let Some(RouteCall { workload, route, mut done }) = call else { return };
                    let router = Arc::clone(&self);
                    routing.spawn(async move {
                        let result = tokio::select! {
                            result = router.route(&workload, route) => result,
                            () = done.closed() => return,
                        };
                        drop(done.send(result)); // it may have stopped to wait just now
                    });
                }
                // At most two a workload: a newer call ends an older one.
                Some(_) = routing.join_next() => {}
            }
        }
    }

    /// Gives all Services of the workload back to Kubernetes, from this call on. Resolves when it leads them, doors are
    /// closed, and clients that keep their connections have had the time to leave activators. For a workload that has clients there must be a ready pod: the caller sees to
    /// that first. [`Router::workload`] takes it back.
    pub fn release(self: &Arc<Router>, id: &WorkloadId) -> impl Future<Output = ()> + Send + use<> {
        let notify = self.state.lock().release(id);
        self.changed.notify_one();
        let (router, id) = (Arc::clone(self), id.clone());
        async move {
            let Some(notify) = notify else { return };
            loop {
                let changed = notify.notified();
                if router.state.lock().is_released(&id) {
                    break;
                }
                changed.await;
            }
            tokio::time::sleep(bounds::DOOR_LINGER + router.settle).await;
        }
    }

    /// How clients reach the workload, by the Services that lead to it.
    pub fn reach(&self, id: &WorkloadId) -> Reach {
        self.state.lock().services.reach(id)
    }

    /// Workloads that are reached otherwise than before, from now on, for one who follows it.
    pub fn follow_reach(&self) -> Follower<HashSet<WorkloadId>> {
        self.reached.follow()
    }

    /// The Services that lead to the workload.
    pub fn services(&self, id: &WorkloadId) -> Vec<ServiceSeen> {
        self.state.lock().seen(id)
    }

    /// Begins to look at what is to be looked at; when there will be more by itself.
    fn start(self: &Arc<Router>, looks: &mut JoinSet<(ServiceId, Outcome)>) -> Option<tokio::time::Instant> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        self.reached(state.advance(now, &self.hub));
        while let Some(id) = state.jobs.next(now) {
            let router = Arc::clone(self);
            looks.spawn(async move {
                let outcome = router.look(&id).await;
                (id, outcome)
            });
        }
        state.due().map(|due| self.clock.instant_of(due))
    }

    fn changed_at_hub(&self, changed: Changed) {
        let mut state = self.state.lock();
        if changed.activators {
            state.look_at_all(&self.hub);
        }
        changed.workloads.iter().for_each(|id| state.look_at(id));
    }

    fn said(&self, said: Said) {
        let mut state = self.state.lock();
        match said {
            Said::ServicesBegin => state.gap.begins(),
            Said::Service(id, service) => {
                state.gap.is_there(&id);
                self.reached(state.set_service(&id, service));
            }
            Said::ServiceGone(id) => {
                state.gap.is_gone(&id);
                self.reached(state.remove_service(&id));
            }
            Said::ServicesEnd => {
                state.services_end(self.clock.now());
                state.synced.services = true;
                state.sync(&self.hub, self.clock.now());
            }
            Said::Slice(service, seen) => state.set_slice(&service, seen),
            Said::SliceGone((service, name), version) => state.remove_slice(&service, &name, version),
            Said::AllSlices(named) => {
                state.retain_slices(&named);
                state.synced.slices = true;
                state.sync(&self.hub, self.clock.now());
            }
            Said::Nothing => {}
        }
    }

    /// Workloads are reached otherwise than before.
    pub(super) fn reached(&self, changed: HashSet<WorkloadId>) {
        if !changed.is_empty() {
            self.reached.note(|reached| reached.extend(changed));
        }
    }

    /// Tells something of a Service.
    pub(super) fn tell(&self, id: &ServiceId, tone: Tone, told: Refusal) {
        let object = self.state.lock().services.get(id).map_or_else(|| nameless(id), Service::reference);
        let Refusal { reason, message } = told;
        self.teller.tell(Told { about: About::Object(object), tone, reason, message });
    }

    /// Somebody is to see to it that there is a ready pod.
    pub(super) fn wake(&self, id: &ServiceId) {
        let workload = self.state.lock().leads_to(id);
        if let Some(workload) = workload
            && self.wakes.try_send(workload).is_err()
        {
            tracing::debug!(service = %id, "Nobody sees to pods just now");
        }
    }
}

/// A Service of which nothing more is known.
fn nameless(id: &ServiceId) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        namespace: id.namespace().to_owned(),
        name: id.name().to_owned(),
        uid: String::new(),
    }
}
