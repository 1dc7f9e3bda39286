//! Workloads that a watch shows no more: deleted, or without their label. Of one that is still there clients are seen to
//! first: it gets a pod, its Services are given back to Kubernetes, and only then it is gone.

use std::sync::Arc;

use config::{PlatformEvent, PodState, Time, Workload, WorkloadId, bounds};
use kube::core::ApiResource;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::View;
use super::upkeep::Done;
use crate::kubernetes::patches::{self, Raised};
use crate::kubernetes::shared::Shared;
use crate::kubernetes::writes::Writes;

/// A workload on its way out. Dropping it ends what is being done for that.
#[derive(Debug)]
pub(super) struct Leaving {
    step: Step,
    /// Until when its pods are waited for.
    patience: Time,
    task: AbortHandle,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nobody knows yet whether it is there at all. If it is, and at zero, it gets back what it had at adoption.
    IsSought,
    /// It is there, and is to have a ready pod.
    AwaitsPod,
    /// Its Services are being given back.
    GivesBack,
}

/// A workload, and whoever looks for it.
struct Seeker {
    id: WorkloadId,
    uid: Box<str>,
    kind: Arc<ApiResource>,
    writes: Writes,
    turns: Arc<Semaphore>,
}

impl View {
    /// A watch shows the workload no more. From now on nothing that the driver asks for is written.
    pub(super) fn out_of_sight(&mut self, id: &WorkloadId, now: Time) {
        if self.leaving.contains_key(id) {
            return;
        }
        // One that is known without its label has lost it before, and is seen by another watch.
        let Some(seeker) = self.seeker(id).filter(|seeker| self.workloads[&seeker.id].is_labelled) else { return };
        self.shared.leaves(id);
        let pods = self.workloads.get(id).and_then(|known| known.marks.original).unwrap_or(1).max(1);
        let task = self.tasks.spawn(seeker.raise(pods, Arc::clone(&self.shared)));
        let patience = now + bounds::KUBE_LEAVE;
        self.leaving.insert(id.clone(), Leaving { step: Step::IsSought, patience, task });
        self.alarms.set(id, Some(patience));
    }

    /// It is there, at not less than one replica. The driver, which scales it no more, goes on telling of its pods.
    pub(super) fn is_there_without_label(&mut self, id: &WorkloadId, now: Time) {
        if !self.is_at(id, Step::IsSought) {
            return;
        }
        tracing::info!("{id}: is not to be Rouse's any more: its Services are given back once it has a ready pod");
        let Some(seeker) = self.seeker(id) else { return };
        let task = self.tasks.spawn(seeker.until_deleted());
        self.leave_on(id, Step::AwaitsPod, task);
        if let Some(known) = self.workloads.get(id).filter(|known| known.is_announced)
            && let (Some(told), Some((replicas, _))) = (&known.told, self.shared.replicas(id))
        {
            let mut paused = Workload::clone(told);
            paused.policy.paused = true;
            self.out.push_back(PlatformEvent::Workload(Arc::new(paused), replicas));
        }
        // Not before that was taken in: it would take back that the Services are given back.
        self.alarms.set(id, Some(now));
    }

    /// It is there no more.
    pub(super) fn is_deleted(&mut self, id: &WorkloadId) {
        if self.is_at(id, Step::IsSought) || self.is_at(id, Step::AwaitsPod) {
            self.workload_gone(id);
        }
    }

    /// Its Services are Kubernetes' again, or that took too long.
    pub(super) fn is_given_back(&mut self, id: &WorkloadId) {
        if self.is_at(id, Step::GivesBack) {
            self.workload_gone(id);
        }
    }

    /// A watch shows the workload again: whatever was to be done is not.
    pub(super) fn stays(&mut self, id: &WorkloadId) {
        if self.leaving.remove(id).is_some() {
            self.shared.stays(id);
            self.announce(id);
        }
    }

    /// Sees the workload off, if it leaves; when to go on with that.
    pub(super) fn see_off(&mut self, id: &WorkloadId, now: Time) -> Option<Time> {
        let leaving = self.leaving.get(id)?;
        let (step, patience) = (leaving.step, leaving.patience);
        let has_pod = || self.pods.of(id).any(|(_, pod)| pod.facts.state == PodState::Ready);
        match step {
            Step::IsSought if now >= patience => {
                tracing::warn!("{id}: cannot be looked for: it counts as deleted");
                self.workload_gone(id);
                None
            }
            Step::AwaitsPod if now >= patience || has_pod() => {
                self.give_back(id);
                None
            }
            Step::IsSought | Step::AwaitsPod => Some(patience),
            Step::GivesBack => None,
        }
    }

    /// Gives all its Services back to Kubernetes.
    fn give_back(&mut self, id: &WorkloadId) {
        let Some(known) = self.workloads.get(id) else { return };
        let (gone, uid) = (id.clone(), known.uid.clone());
        // It begins here and now: if the workload stays after all, that comes after it.
        let released = self.parts.router.as_ref().map(|router| router.release(id));
        let task = self.tasks.spawn(async move {
            if let Some(released) = released
                && timeout(bounds::KUBE_LEAVE, released).await.is_err()
            {
                tracing::warn!("{gone}: its Services cannot be given back for now: it is gone all the same");
            }
            Done::GivenBack(gone, uid)
        });
        self.leave_on(id, Step::GivesBack, task);
    }

    fn leave_on(&mut self, id: &WorkloadId, step: Step, task: AbortHandle) {
        if let Some(leaving) = self.leaving.get_mut(id) {
            leaving.step = step;
            std::mem::replace(&mut leaving.task, task).abort();
        }
    }

    fn is_at(&self, id: &WorkloadId, step: Step) -> bool {
        self.leaving.get(id).is_some_and(|leaving| leaving.step == step)
    }

    fn seeker(&self, id: &WorkloadId) -> Option<Seeker> {
        let known = self.workloads.get(id)?;
        let (kind, uid) = (Arc::clone(&known.kind), known.uid.clone());
        let (writes, turns) = (self.parts.writes.clone(), Arc::clone(&self.seeking));
        Some(Seeker { id: id.clone(), uid, kind, writes, turns })
    }
}

impl Seeker {
    /// Gives it `pods` pods if it is there and has none, once the driver's last call has ended. Asks until it is known.
    async fn raise(self, pods: u32, shared: Arc<Shared>) -> Done {
        while shared.is_busy(&self.id) {
            sleep(bounds::RELEASE_LOOK).await;
        }
        let mut pause = bounds::PLATFORM_RETRY_FIRST;
        loop {
            let turn = self.turns.acquire().await; // never closed
            match patches::raise(&self.writes, &self.kind, (&self.id, &self.uid), pods).await {
                Ok(Raised::Deleted) => return Done::Deleted(self.id, self.uid),
                Ok(Raised::Had) => return Done::Unlabelled(self.id, self.uid),
                Ok(Raised::Got) => {
                    tracing::info!("{}: is not to be Rouse's any more and was at zero: {pods} replicas again", self.id);
                    return Done::Unlabelled(self.id, self.uid);
                }
                Err(error) => tracing::warn!("{}: cannot be given its replicas back: {error}", self.id),
            }
            drop(turn);
            sleep(pause).await;
            pause = (2 * pause).min(bounds::PLATFORM_RETRY_SLOWEST);
        }
    }

    /// Looks until it is there no more.
    async fn until_deleted(self) -> Done {
        loop {
            sleep(bounds::KUBE_LEAVE_LOOK).await;
            let _turn = self.turns.acquire().await;
            if let Ok(None) = patches::replicas(&self.writes, &self.kind, (&self.id, &self.uid)).await {
                return Done::Deleted(self.id, self.uid);
            }
        }
    }
}
