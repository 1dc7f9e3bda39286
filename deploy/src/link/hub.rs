//! Who is linked, what is believed of pods, and what everyone must know.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use activator::Wake;
use config::link::{Down, Reporter};
use config::{Failure, Pod, PodId, PodState, Time, Workload, WorkloadId, bounds};
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::Notify;

use super::identity::Proof;
use super::known::Known;
use super::outlet::Outlet;
use super::reporters::{LastSeq, LinkNumber};
use super::standing::Standing;
use super::unwelcome::Unwelcome;
use crate::fronts::Fronts;
use crate::wakes::Wakes;

/// The autoscaler's side of all Links.
///
/// It keeps what reporters must know, so that one that comes later, or comes back, can be told; and what each was heard
/// to say, so that nothing counts twice. A pod that becomes ready is told to all activators by whoever heard of it: no
/// queue, timer or other task lies between.
#[derive(Debug)]
pub struct Hub {
    clock: Clock,
    incarnation: u64,
    /// How long after it began nothing is taken for gone that has not been heard of.
    sync_after: Duration,
    /// From when on it is; known once reporters are served.
    complete_from: OnceLock<Time>,
    pub(super) known: Mutex<Known>,
    /// Something is due earlier than before.
    changed: Notify,
}

/// The first word of a reporter.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) reporter: Reporter,
    pub(crate) incarnation: u64,
    pub(crate) workload: Option<WorkloadId>,
    pub(crate) address: SocketAddr,
    /// That it is who it says.
    pub(crate) proof: Proof,
}

/// A reporter's place at the hub.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) number: LinkNumber,
    pub(crate) reporter: Reporter,
    /// The one workload that a pod serves.
    pub(crate) workload: Option<WorkloadId>,
    pub(crate) last_seq: LastSeq,
    /// Whether what it reports counts: what a pod reports does not before the platform names it.
    pub(crate) counts: Arc<AtomicBool>,
    /// When the last request came to the pod's workload past the activators.
    last_direct: Arc<AtomicU64>,
}

impl Hub {
    /// A hub that no one is linked to. For `sync_after` from when reporters are served it takes nothing for gone that it has
    /// not heard of.
    pub fn new(clock: Clock, incarnation: u64, sync_after: Duration) -> Arc<Hub> {
        let (complete_from, known, changed) = (OnceLock::new(), Mutex::default(), Notify::new());
        Arc::new(Hub { clock, incarnation, sync_after, complete_from, known, changed })
    }

    /// The pods of a workload that the platform names, and whether each one's queue-proxy is linked.
    pub fn pods(&self, id: &WorkloadId) -> Vec<(Pod, bool)> {
        let known = self.known.lock();
        known.pods_of(id).filter_map(|(_, standing)| Some((standing.believed()?, standing.outlet.is_some()))).collect()
    }

    /// The platform sees a workload, of which it may yet be unable to tell anything: what activators know of it stays in use.
    pub fn workload_seen(&self, id: &WorkloadId) {
        self.known.lock().set_seen(id, true);
    }

    /// The platform sees it no more.
    pub fn workload_unseen(&self, id: &WorkloadId) {
        self.known.lock().set_seen(id, false);
    }

    /// A pod of a workload that the platform sees and can tell nothing else of, as the platform has it.
    pub fn stand_in(&self, pod: &Pod) {
        self.known.lock().set_stand_in(self.clock.now(), pod);
    }

    /// Such a pod is no more, or not this workload's any more.
    pub fn stand_in_gone(&self, workload: &WorkloadId, pod: &PodId) {
        self.known.lock().remove_stand_in(self.clock.now(), workload, pod);
    }

    /// Whether the platform sees the workload.
    pub fn sees(&self, id: &WorkloadId) -> bool {
        self.known.lock().has_seen(id)
    }

    /// The platform has named all pods that there are. From now on one that shows a token has to be named soon.
    pub(crate) fn pods_are_listed(&self) {
        if self.known.lock().pods_are_listed(self.clock.now()) {
            self.changed.notify_one();
        }
    }

    /// Why a Link of this reporter was ended here, if it is for what the platform says of it.
    pub(crate) fn unwelcome(&self, reporter: &Reporter) -> Option<Unwelcome> {
        let Reporter::Pod(id) = reporter else { return None };
        self.known.lock().is_expelled(self.clock.now(), id).then_some(Unwelcome::NoSuchPod)
    }

    /// The wakes, to which the hub tells when pods are named, say their first word, and are ready.
    pub fn wakes(&self) -> Wakes {
        self.known.lock().wakes.clone()
    }

    /// How many reporters are linked.
    pub fn links(&self) -> usize {
        self.known.lock().reporters.linked()
    }

    /// A reporter says its first word.
    pub(crate) fn open(&self, hello: Hello, outlet: &Arc<Outlet>) -> Result<Seat, Unwelcome> {
        let now = self.clock.now();
        let mut known = self.known.lock();
        let workload = match &hello.reporter {
            Reporter::Activator(_) => None,
            Reporter::Pod(id) => Some(known.served_by(now, id, hello.workload, &hello.proof)?),
        };
        if !known.reporters.admits(&hello.reporter) {
            return Err(Unwelcome::TooMany);
        }
        let number = known.next_number();
        let met = known.reporters.open(&hello.reporter, hello.incarnation, number, Arc::clone(outlet));
        outlet.push(Down::Welcome { incarnation: self.incarnation, heartbeat: bounds::LINK_HEARTBEAT });
        let last_direct = workload.as_ref().map(|id| known.directness(id)).unwrap_or_default();
        let counts = match (&hello.reporter, &workload) {
            (Reporter::Pod(id), Some(workload)) => {
                let greet = |pod: &mut Standing| pod.hello(hello.address, Arc::clone(outlet), met.is_new);
                known.change_pod(now, id, workload, greet);
                if met.is_new {
                    known.wakes.hello(id, now);
                }
                known.settle_pod(id);
                self.changed.notify_one(); // it may have to be named by then
                known.counts(id)
            }
            (Reporter::Activator(name), _) => {
                known.activator_came(name, hello.address.ip(), met.is_new);
                known.readers.add(number, Arc::clone(outlet));
                known.fill(now, number);
                Arc::new(AtomicBool::new(true))
            }
            (Reporter::Pod(_), None) => Arc::default(),
        };
        Ok(Seat { number, reporter: hello.reporter, workload, last_seq: met.last_seq, counts, last_direct })
    }

    /// A pod says how it is; whether that changed anything. Activators have been told when this returns.
    pub(crate) fn say(&self, seat: &Seat, state: PodState) -> bool {
        let Reporter::Pod(id) = &seat.reporter else { return false };
        let mut known = self.known.lock();
        known.is_seated(seat.number, &seat.reporter)
            && known.change_known_pod(self.clock.now(), id, |pod| pod.say(state))
    }

    /// An activator says what became of a door.
    pub(crate) fn door_said(&self, seat: &Seat, workload: &WorkloadId, port: u16, error: Option<&str>) {
        let Reporter::Activator(name) = &seat.reporter else { return };
        if let Some(error) = error {
            tracing::warn!(activator = %name, %workload, port, error, "An activator cannot open a door");
        }
        self.known.lock().door_said((seat.number, &seat.reporter), workload, port, error.is_none());
    }

    /// An activator was told to end.
    pub(crate) fn leaves(&self, seat: &Seat) {
        self.known.lock().activator_leaves(seat.number, &seat.reporter);
    }

    /// Tells an activator more of what it has to know, as soon as it has read most of what was sent.
    pub(crate) fn fill(&self, seat: &Seat) {
        self.known.lock().fill(self.clock.now(), seat.number);
    }

    /// A link is over.
    pub(crate) fn close(&self, seat: &Seat) {
        let mut known = self.known.lock();
        known.readers.remove(seat.number);
        if known.reporters.close(self.clock.now(), &seat.reporter, seat.number) {
            if let Reporter::Pod(id) = &seat.reporter {
                known.change_known_pod(self.clock.now(), id, |pod| pod.outlet = None);
            }
            self.changed.notify_one();
        }
    }

    /// Waits until Links have been broken for too long; whose they were. Also tells activators when they have heard
    /// everything. For one caller; cancel-safe.
    pub(crate) async fn lost(&self) -> Vec<Reporter> {
        let complete_from = *self.complete_from.get_or_init(|| self.clock.now() + self.sync_after);
        loop {
            let due = self.known.lock().due(complete_from);
            let Some(due) = due else {
                self.changed.notified().await;
                continue;
            };
            if due > self.clock.now() {
                let due = tokio::time::sleep_until(self.clock.instant_of(due));
                tokio::select! { () = due => {}, () = self.changed.notified() => {} }
                continue;
            }
            let lost = self.known.lock().see_to(self.clock.now(), complete_from);
            if !lost.is_empty() {
                return lost;
            }
        }
    }
}

impl Seat {
    /// Whether this is the load of who is linked: of itself, and if it is a pod, of the workload that it serves.
    pub(crate) fn is_own(&self, reporter: &Reporter, workload: &WorkloadId) -> bool {
        self.reporter == *reporter && self.workload.as_ref().is_none_or(|own| own == workload)
    }

    /// Notes that by then a request had come past the activators.
    pub(crate) fn note_direct(&self, by: Time) {
        self.last_direct.fetch_max(by.as_nanos(), Ordering::Relaxed);
    }

    /// Whether the report of this number counts: it is new, and of somebody who is known to exist.
    pub(crate) fn takes(&self, seq: u64) -> bool {
        let mut last = self.last_seq.lock();
        let is_new = seq > *last;
        *last = seq.max(*last);
        is_new && self.counts.load(Ordering::Relaxed)
    }
}

impl Fronts for Hub {
    fn workload(&self, workload: &Arc<Workload>) {
        self.known.lock().set_workload(self.clock.now(), workload);
    }

    fn workload_gone(&self, id: &WorkloadId) {
        self.known.lock().remove_workload(id);
    }

    fn pod(&self, now: Time, pod: Pod) -> Option<Pod> {
        self.known.lock().name_pod(now, pod)
    }

    fn believed(&self, id: &PodId) -> Option<Pod> {
        self.known.lock().believed(id)
    }

    fn is_linked(&self, reporter: &Reporter) -> bool {
        self.known.lock().reporters.is_linked(reporter)
    }

    fn failure(&self, now: Time, id: &WorkloadId, failure: Option<&Failure>) {
        self.known.lock().set_failure(now, id, failure);
    }

    fn watermark(&self, id: &WorkloadId, watermark: u32) {
        self.known.lock().set_watermark(id, watermark);
    }

    fn leave(&self, id: &WorkloadId) {
        for (pod, standing) in self.known.lock().pods_of(id) {
            if let Some(outlet) = &standing.outlet {
                outlet.push(Down::Leave { pod: pod.clone() });
            }
        }
    }

    /// Activators say them.
    fn take_wakes(&self) -> Vec<Wake> {
        Vec::new()
    }
}
