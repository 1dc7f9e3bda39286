//! The pods of one workload: as many slots as were asked for.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use config::manifest::Declared;
use config::{Failure, PlatformError, PlatformEvent, Pod, PodState};
use parking_lot::Mutex;
use queue_proxy::Front;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Launch, Shared};

/// One workload.
pub(super) struct Group<L> {
    pub(super) declared: Declared,
    pub(super) shared: Arc<Shared<L>>,
    /// Held while pods are told of their fate, so that what activators and the decider hear is in order.
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// Slots with a pod that was not told to leave, oldest first.
    pods: Vec<Arc<Member>>,
    /// Slots without a pod.
    pauses: Vec<Pause>,
    /// Why there can be no ready pod, as last told.
    failure: Option<Failure>,
    /// Nothing is started any more.
    closed: bool,
}

/// A slot without a pod, until the next. Cancelled when it is told to leave.
pub(super) type Pause = Arc<CancellationToken>;

/// What a slot has.
pub(super) type Place = Result<Arc<Member>, Pause>;

/// One pod, from its announcement to its end.
pub(super) struct Member {
    pub(super) front: Arc<Front>,
    /// Told to drain.
    pub(super) leave: CancellationToken,
    /// Locked while a change is told, so that changes are told in order.
    pod: Mutex<Pod>,
}

impl Member {
    /// A copy as of now.
    pub(super) fn pod(&self) -> Pod {
        self.pod.lock().clone()
    }

    fn is_ready(&self) -> bool {
        self.pod.lock().state == PodState::Ready
    }
}

impl<L: Launch> Group<L> {
    pub(super) fn new(declared: Declared, shared: Arc<Shared<L>>) -> Group<L> {
        Group { declared, shared, slots: Mutex::default() }
    }

    /// Starts slots that are missing, and tells those to leave that are too many: slots without a pod first, then pods
    /// that are not ready, then the idlest, and of equals the youngest. A pod that leaves is never taken back.
    pub(super) fn scale(self: &Arc<Self>, desired: u32) -> Result<(), PlatformError> {
        let mut slots = self.slots.lock();
        if slots.closed {
            return Err(PlatformError::Refused("the platform is shutting down".to_owned()));
        }
        self.set(&mut slots, desired as usize);
        Ok(())
    }

    /// Tells all pods to leave, for good.
    pub(super) fn close(self: &Arc<Self>) {
        let mut slots = self.slots.lock();
        slots.closed = true;
        self.set(&mut slots, 0);
    }

    fn set(self: &Arc<Self>, slots: &mut Slots, desired: usize) {
        let have = slots.pods.len() + slots.pauses.len();
        for _ in have..desired {
            let place = self.open(slots);
            self.shared.slots.spawn(Arc::clone(self).slot(place));
        }
        let mut surplus = have.saturating_sub(desired);
        while surplus > 0
            && let Some(pause) = slots.pauses.pop()
        {
            pause.cancel();
            surplus -= 1;
        }
        for member in slots.take_surplus(surplus) {
            self.advance(&member, PodState::Draining);
            member.leave.cancel();
        }
        if desired == 0 {
            // Nobody tries any more: the next request finds out anew.
            self.set_failure(slots, None);
        }
    }

    /// A new pod, announced but not started; a pause if there is no room for one.
    fn open(&self, slots: &mut Slots) -> Place {
        let shared = &self.shared;
        let address = match shared.launcher.reserve() {
            Ok(address) => address,
            Err(failure) => return Err(self.pause(slots, Some(failure))),
        };
        let workload = &self.declared.workload;
        let front = Front::new(shared.network.clone(), address, &workload.serving, shared.clock);
        let pod = Pod {
            id: shared.names.next(workload.id.name()),
            workload: workload.id.clone(),
            address,
            state: PodState::Starting,
            has_queue_proxy: true,
            created: shared.clock.now(),
        };
        (shared.on_pod)(&pod, &front);
        shared.events.push(PlatformEvent::Pod(pod.clone()));
        let member = Arc::new(Member { front, leave: CancellationToken::new(), pod: Mutex::new(pod) });
        slots.pods.push(Arc::clone(&member));
        Ok(member)
    }

    /// Tells that the pod is in `state` now; not if it is further already.
    pub(super) fn advance(&self, member: &Member, state: PodState) {
        self.change(member, state, |now| now < state);
    }

    /// Tells that a ready pod's probe fails: it is starting again.
    pub(super) fn unready(&self, member: &Member) {
        self.change(member, PodState::Starting, |now| now == PodState::Ready);
    }

    fn change(&self, member: &Member, state: PodState, from: impl Fn(PodState) -> bool) {
        let mut pod = member.pod.lock();
        if from(pod.state) {
            pod.state = state;
            member.front.set_draining(state >= PodState::Draining);
            (self.shared.on_pod)(&pod, &member.front);
            self.shared.events.push(PlatformEvent::Pod(pod.clone()));
        }
    }

    /// The pod can be given requests, unless it was told to leave meanwhile.
    pub(super) fn ready(&self, member: &Member) {
        let mut slots = self.slots.lock();
        self.advance(member, PodState::Ready);
        if member.is_ready() {
            self.set_failure(&mut slots, None);
        }
    }

    /// The pod ended by itself: its slot is in a pause now. `None` if it was told to leave: that ends the slot.
    pub(super) fn lost(&self, member: &Arc<Member>, failure: Option<Failure>) -> Option<Pause> {
        let mut slots = self.slots.lock();
        let at = slots.pods.iter().position(|other| Arc::ptr_eq(other, member))?;
        slots.pods.remove(at);
        Some(self.pause(&mut slots, failure))
    }

    fn pause(&self, slots: &mut Slots, failure: Option<Failure>) -> Pause {
        let pause = Pause::default();
        slots.pauses.push(Arc::clone(&pause));
        if failure.is_some() && !slots.pods.iter().any(|member| member.is_ready()) {
            self.set_failure(slots, failure);
        }
        pause
    }

    /// Waits, then has another pod. `None` ends the slot: it was told to leave.
    pub(super) async fn again(&self, pause: &Pause, length: Duration) -> Option<Place> {
        tokio::select! {
            () = sleep(length) => {}
            () = pause.cancelled() => return None,
        }
        let mut slots = self.slots.lock();
        let at = slots.pauses.iter().position(|other| Arc::ptr_eq(other, pause))?;
        slots.pauses.remove(at);
        Some(self.open(&mut slots))
    }

    fn set_failure(&self, slots: &mut Slots, failure: Option<Failure>) {
        if slots.failure != failure {
            slots.failure.clone_from(&failure);
            self.shared.events.push(PlatformEvent::Failure(self.declared.workload.id.clone(), failure));
        }
    }
}

impl Slots {
    /// Takes out the `count` pods that are missed least.
    fn take_surplus(&mut self, count: usize) -> Vec<Arc<Member>> {
        let mut order: Vec<_> = (0..self.pods.len()).collect();
        order.sort_by_cached_key(|&at| {
            let member = &self.pods[at];
            let (in_flight, waiting) = member.front.gate().inside();
            (member.is_ready(), in_flight + waiting, Reverse(at))
        });
        order.truncate(count);
        order.sort_unstable_by_key(|&at| Reverse(at));
        order.into_iter().map(|at| self.pods.remove(at)).collect()
    }
}
