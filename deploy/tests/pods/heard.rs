//! What an activator hears of pods.

use std::sync::Arc;
use std::time::Duration;

use config::{Pod, PodId, PodState, Policy, Serving, Workload, WorkloadId};
use deploy::local::OnPod;
use parking_lot::Mutex;
use queue_proxy::Front;
use tokio::sync::Notify;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hears what the platform tells at once, in order.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Inner>);

#[derive(Default)]
struct Inner {
    told: Mutex<Vec<(Pod, Arc<Front>)>>,
    news: Notify,
}

impl Heard {
    pub(crate) fn on_pod(&self) -> OnPod {
        let inner = Arc::clone(&self.0);
        Box::new(move |pod, front| {
            inner.told.lock().push((pod.clone(), Arc::clone(front)));
            inner.news.notify_waiters();
        })
    }

    /// The pods that are in `state` now, oldest first.
    pub(crate) fn pods(&self, state: PodState) -> Vec<PodId> {
        let told = self.0.told.lock();
        let mut now: Vec<(&PodId, PodState)> = Vec::new();
        for (pod, _) in &*told {
            now.retain(|(id, _)| *id != &pod.id || pod.state == PodState::Starting);
            now.push((&pod.id, pod.state));
        }
        let born = |id: &PodId| told.iter().position(|(pod, _)| pod.id == *id);
        let mut pods: Vec<PodId> = now.into_iter().filter(|(_, now)| *now == state).map(|(id, _)| id.clone()).collect();
        pods.sort_by_key(born);
        pods
    }

    /// All states of the pod, in order.
    pub(crate) fn life(&self, pod: &PodId) -> Vec<PodState> {
        self.0.told.lock().iter().filter(|(told, _)| told.id == *pod).map(|(told, _)| told.state).collect()
    }

    pub(crate) fn pod(&self, pod: &PodId) -> (Pod, Arc<Front>) {
        self.0.told.lock().iter().rev().find(|(told, _)| told.id == *pod).expect("the pod is told").clone()
    }

    /// Waits until `count` pods are in `state`.
    pub(crate) async fn until(&self, state: PodState, count: usize) -> Vec<PodId> {
        self.until_true(|heard| heard.pods(state).len() == count).await;
        self.pods(state)
    }

    pub(crate) async fn until_true(&self, is_true: impl Fn(&Heard) -> bool) {
        let all = async {
            loop {
                let mut news = std::pin::pin!(self.0.news.notified());
                news.as_mut().enable();
                if is_true(self) {
                    return;
                }
                news.await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            let told = self.0.told.lock();
            panic!(
                "not within {PATIENCE:?}; told: {:#?}",
                told.iter().map(|(pod, _)| (&pod.id, pod.state)).collect::<Vec<_>>()
            );
        }
    }
}

pub(crate) fn id() -> WorkloadId {
    WorkloadId::new("default", "Deployment", "hello")
}

pub(crate) fn workload(change: impl FnOnce(&mut Policy, &mut Serving)) -> Workload {
    let (mut policy, mut serving) = (Policy::default(), Serving::default());
    change(&mut policy, &mut serving);
    Workload { id: id(), policy, serving, hosts: Vec::new() }
}
