//! Where the time of each wake went.
//!
//! Who sees a moment tells it here: the driver, the platform, the hub, the activator. A wake is rare and each costs a
//! handful of short locks, none of them on the way of a request that finds a ready pod.

mod woken;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use activator::Wake;
use config::{Pod, PodId, Reason, Time, WorkloadId, bounds};
use parking_lot::Mutex;

use woken::Course;
pub use woken::{Phase, Woken};

/// The wakes of all workloads. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Wakes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Bounded by the workloads there are.
    workloads: HashMap<WorkloadId, Known>,
    /// Pods that are not ready yet.
    coming: HashMap<PodId, Coming>,
    /// Wakes whose first answer has not been told.
    unanswered: VecDeque<Woken>,
}

#[derive(Debug, Default)]
struct Known {
    /// The wake that goes on, or the next one.
    course: Course,
    /// Newest first.
    woken: VecDeque<Woken>,
}

/// What a pod has done so far, and when.
#[derive(Clone, Copy, Debug, Default)]
struct Coming {
    placed: Option<Time>,
    started: Option<Time>,
    hello: Option<Time>,
}

impl Wakes {
    /// The autoscaler wants pods of a workload that has none.
    pub fn decided(&self, workload: &WorkloadId, why: &Reason, at: Time) {
        self.known(workload, |known| {
            known.course = Course::decided(why.clone(), at);
        });
    }

    /// The wish for pods goes out to the platform.
    pub fn sent(&self, workload: &WorkloadId, at: Time) {
        self.goes_on(workload, Phase::Sent, at);
    }

    /// The platform took a wish for pods.
    pub fn asked(&self, workload: &WorkloadId, at: Time) {
        self.goes_on(workload, Phase::Asked, at);
    }

    /// The platform names the pod.
    pub fn placed(&self, pod: &PodId, at: Time) {
        self.comes(pod, |coming| &mut coming.placed, at);
    }

    /// The pod's process runs.
    pub fn started(&self, pod: &PodId, at: Time) {
        self.comes(pod, |coming| &mut coming.started, at);
    }

    /// The pod's queue-proxy says its first word.
    pub fn hello(&self, pod: &PodId, at: Time) {
        self.comes(pod, |coming| &mut coming.hello, at);
    }

    /// The pod's probe passed. To be told before the pod is given requests.
    pub fn ready(&self, pod: &Pod, at: Time) {
        let coming = self.0.lock().coming.remove(&pod.id).unwrap_or_default();
        self.known(&pod.workload, |known| {
            let course = &mut known.course;
            // The first since it was decided; without that, the last.
            if course.end(Phase::Decided).is_none() || course.end(Phase::Ready).is_none() {
                course.pod = Some(pod.id.clone());
                *course.end(Phase::Placed) = coming.placed;
                *course.end(Phase::Started) = coming.started;
                *course.end(Phase::Hello) = coming.hello;
                *course.end(Phase::Ready) = Some(at);
            }
        });
    }

    /// The pod is no more.
    pub fn gone(&self, pod: &PodId) {
        self.0.lock().coming.remove(pod);
    }

    /// The workload is no more.
    pub fn workload_gone(&self, workload: &WorkloadId) {
        self.0.lock().workloads.remove(workload);
    }

    /// A wake is over, maybe but for its first answer. Of several activators each tells its own: they share the course of
    /// it.
    pub fn woke(&self, wake: &Wake) -> Woken {
        let woken = self.known(&wake.workload, |known| {
            let is_same = |last: &&Woken| wake.held_at < last.released && last.seen < wake.released_at;
            let mut course = match known.woken.front().filter(is_same) {
                Some(last) => last.course.clone(),
                None => std::mem::take(&mut known.course),
            };
            *course.end(Phase::HandedOver) = Some(wake.released_at);
            let woken = Woken {
                workload: wake.workload.clone(),
                seen: wake.held_at,
                released: wake.released_at,
                requests: wake.requests,
                course,
                first_byte: Arc::clone(&wake.first_byte),
            };
            known.woken.truncate(bounds::WAKES_EXPLAINED - 1);
            known.woken.push_front(woken.clone());
            woken
        });
        let mut inner = self.0.lock();
        if inner.unanswered.len() == bounds::WAKES_KEPT {
            inner.unanswered.pop_front();
        }
        inner.unanswered.push_back(woken.clone());
        woken
    }

    /// Moves out the wakes whose first answer began since the last call.
    pub fn take_answered(&self) -> Vec<Woken> {
        let mut inner = self.0.lock();
        let (answered, unanswered) = inner.unanswered.drain(..).partition(Woken::is_answered);
        inner.unanswered = unanswered;
        Vec::from(answered)
    }

    /// The last wakes of a workload, newest first.
    pub fn of(&self, workload: &WorkloadId) -> Vec<Woken> {
        self.0.lock().workloads.get(workload).map_or_else(Vec::new, |known| known.woken.iter().cloned().collect())
    }

    fn known<R>(&self, workload: &WorkloadId, change: impl FnOnce(&mut Known) -> R) -> R {
        let mut inner = self.0.lock();
        if !inner.workloads.contains_key(workload) {
            inner.workloads.insert(workload.clone(), Known::default());
        }
        change(inner.workloads.get_mut(workload).expect("it was just put there"))
    }

    /// Ends `phase` of what was decided, if it has not ended before. A call may end after its workload is gone.
    fn goes_on(&self, workload: &WorkloadId, phase: Phase, at: Time) {
        if let Some(known) = self.0.lock().workloads.get_mut(workload) {
            known.course.end(phase).get_or_insert(at);
        }
    }

    fn comes(&self, pod: &PodId, step: impl FnOnce(&mut Coming) -> &mut Option<Time>, at: Time) {
        let mut inner = self.0.lock();
        if inner.coming.len() < bounds::STARTS_KEPT || inner.coming.contains_key(pod) {
            step(inner.coming.entry(pod.clone()).or_default()).get_or_insert(at);
        }
    }
}

#[cfg(test)]
mod tests;
