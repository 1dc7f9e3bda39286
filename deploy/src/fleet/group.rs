//! The pods of one workload: as many slots as were asked for.

use std::sync::Arc;
use std::time::Duration;

use config::manifest::Declared;
use config::{Failure, PlatformError, PlatformEvent, Pod, PodState, WorkloadId};
use parking_lot::Mutex;
use queue_proxy::Front;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::slots::Slots;
use super::{Launch, Shared};

/// One workload.
pub(super) struct Group<L> {
    pub(super) id: WorkloadId,
    pub(super) shared: Arc<Shared<L>>,
    /// Held while pods are told of their fate, so that what activators and the decider hear is in order.
    slots: Mutex<Slots>,
}

/// A slot without a pod, until the next.
pub(super) type Pause = Arc<Waiting>;

/// What ends a pause before its time.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Told to leave.
    leave: CancellationToken,
    /// There is something else to run now.
    hurry: Notify,
}

/// What a slot has.
pub(super) type Place = Result<Arc<Member>, Pause>;

/// One pod, from its announcement to its end.
pub(super) struct Member {
    /// What it was started as; nothing but a new pod changes what runs.
    pub(super) declared: Arc<Declared>,
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

    /// Resolves when it may be given requests; one to which none come, as soon as it runs.
    pub(super) async fn is_up(&self) {
        if !self.declared.worker {
            self.front.ready().await;
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.pod.lock().state == PodState::Ready
    }
}

impl<L: Launch> Group<L> {
    pub(super) fn new(declared: Declared, shared: Arc<Shared<L>>) -> Group<L> {
        Group { id: declared.workload.id.clone(), shared, slots: Mutex::new(Slots::new(declared)) }
    }

    /// What its new pods are.
    pub(super) fn declared(&self) -> Arc<Declared> {
        Arc::clone(&self.slots.lock().declared)
    }

    /// Starts slots that are missing, and tells those to leave that are too many. A pod that leaves is never taken back.
    pub(super) fn scale(self: &Arc<Self>, desired: u32) -> Result<(), PlatformError> {
        let mut slots = self.slots.lock();
        if slots.closed {
            return Err(PlatformError::Refused("the platform is shutting down".to_owned()));
        }
        slots.desired = desired as usize;
        self.settle(&mut slots);
        Ok(())
    }

    /// Tells all pods to leave, for good.
    pub(super) fn close(self: &Arc<Self>) {
        let mut slots = self.slots.lock();
        slots.closed = true;
        slots.desired = 0;
        self.settle(&mut slots);
    }

    /// From now on the workload is `declared`. What its pods are served with changes at once; if what they run changed,
    /// they are replaced, one at a time, each by a new one that is ready.
    pub(super) fn edit(self: &Arc<Self>, declared: Declared) {
        let mut slots = self.slots.lock();
        if slots.edit(declared) {
            // The edit may have mended it.
            self.set_failure(&mut slots, None);
            for pause in &slots.pauses {
                pause.hurry.notify_one();
            }
        }
        let workload = Arc::new(slots.declared.workload.clone());
        self.shared.events.push(PlatformEvent::Workload(workload, slots.desired as u32));
        self.settle(&mut slots);
    }

    /// Makes of what there is what there should be, as far as that is possible now.
    fn settle(self: &Arc<Self>, slots: &mut Slots) {
        for member in slots.take_outdated() {
            self.leave(&member);
        }
        for _ in slots.len()..slots.target() {
            let place = self.open(slots);
            self.shared.slots.spawn(Arc::clone(self).slot(place));
        }
        let mut surplus = slots.len().saturating_sub(slots.target());
        while surplus > 0
            && let Some(pause) = slots.pauses.pop()
        {
            pause.leave.cancel();
            surplus -= 1;
        }
        for member in slots.take_surplus(surplus) {
            self.leave(&member);
        }
        if slots.desired == 0 {
            // Nobody tries any more: the next request finds out anew.
            self.set_failure(slots, None);
        }
    }

    fn leave(&self, member: &Member) {
        self.advance(member, PodState::Draining);
        member.leave.cancel();
    }

    /// A new pod, announced but not started; a pause if there is no room for one.
    fn open(&self, slots: &mut Slots) -> Place {
        let shared = &self.shared;
        let address = match shared.launcher.reserve() {
            Ok(address) => address,
            Err(failure) => return Err(self.pause(slots, Some(failure))),
        };
        let declared = Arc::clone(&slots.declared);
        let workload = &declared.workload;
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
        let member = Arc::new(Member { declared, front, leave: CancellationToken::new(), pod: Mutex::new(pod) });
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
    pub(super) fn ready(self: &Arc<Self>, member: &Member) {
        self.shared.wakes.ready(&member.pod(), self.shared.clock.now());
        let mut slots = self.slots.lock();
        self.advance(member, PodState::Ready);
        if member.is_ready() {
            self.set_failure(&mut slots, None);
            // It may be what an older one was to wait for.
            self.settle(&mut slots);
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
        match failure {
            Some(failure) if slots.pods.iter().any(|member| member.is_ready()) => {
                let (word, detail) = (failure.word(), failure.detail());
                tracing::warn!("{}: a further pod cannot start: {word}: {detail}", self.id.name());
            }
            Some(failure) => self.set_failure(slots, Some(failure)),
            None => {}
        }
        pause
    }

    /// Waits, then has another pod. `None` ends the slot: it was told to leave.
    pub(super) async fn again(&self, pause: &Pause, length: Duration) -> Option<Place> {
        tokio::select! {
            () = sleep(length) => {}
            () = pause.hurry.notified() => {}
            () = pause.leave.cancelled() => return None,
        }
        let mut slots = self.slots.lock();
        let at = slots.pauses.iter().position(|other| Arc::ptr_eq(other, pause))?;
        slots.pauses.remove(at);
        Some(self.open(&mut slots))
    }

    fn set_failure(&self, slots: &mut Slots, failure: Option<Failure>) {
        if slots.failure != failure {
            slots.failure.clone_from(&failure);
            self.shared.events.push(PlatformEvent::Failure(self.id.clone(), failure));
        }
    }
}
