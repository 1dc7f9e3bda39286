//! Tells people what happened: one line an event, and a counter for each kind.

use std::collections::{HashMap, HashSet};

use activator::Wake;
use config::{Failure, Pod, PodId, PodState, Reason, Time, WorkloadId};
use metrics::{counter, histogram};
use tracing::{info, warn};

use crate::exposition;
use crate::log::short;

/// Turns what the driver sees into lines such as `hello: 2 → 5 pods because …`.
#[derive(Debug, Default)]
pub struct Narrator {
    /// Pods that exist, so that the end of the last one can be told; bounded by the pods that exist.
    pods: HashMap<WorkloadId, HashSet<PodId>>,
    /// Workloads that were asked to have no pods.
    to_zero: HashSet<WorkloadId>,
}

impl Narrator {
    /// The platform was asked for another number of pods.
    pub fn scaled(&mut self, workload: &WorkloadId, from: u32, pods: u32, why: &Reason) {
        counter!(exposition::SCALE_CALLS).increment(1);
        if pods == 0 {
            self.to_zero.insert(workload.clone());
        } else {
            self.to_zero.remove(workload);
        }
        let unit = if pods == 1 { "pod" } else { "pods" };
        info!("{}: {from} → {pods} {unit} because {}", short(workload), why.because);
    }

    /// A pod is new or changed.
    pub fn pod(&mut self, pod: &Pod, now: Time) {
        let name = short(&pod.workload);
        match pod.state {
            PodState::Starting => {
                counter!(exposition::PODS_STARTED).increment(1);
                self.pods.entry(pod.workload.clone()).or_default().insert(pod.id.clone());
            }
            PodState::Ready => {
                tracing::debug!("{name}: pod {} ready after {} ms", pod.id, now.since(pod.created).as_millis());
            }
            PodState::Draining => tracing::debug!("{name}: pod {} draining", pod.id),
            PodState::Gone => {
                let left = self.pods.get_mut(&pod.workload).map_or(0, |pods| {
                    pods.remove(&pod.id);
                    pods.len()
                });
                if left == 0 {
                    self.pods.remove(&pod.workload);
                    if self.to_zero.remove(&pod.workload) {
                        info!("{name}: asleep");
                    }
                }
            }
        }
    }

    /// Requests that found no ready pod were handed to one.
    pub fn woke(&mut self, wake: &Wake) {
        let took = wake.released_at.since(wake.held_at);
        histogram!(exposition::WAKE_SECONDS).record(took);
        let meanwhile = if wake.requests == 1 { String::new() } else { format!(", {} requests waited", wake.requests) };
        info!("{}: woke in {:.0} ms{meanwhile}", short(&wake.workload), took.as_secs_f64() * 1e3);
    }

    /// The workload cannot have a ready pod, or can again.
    pub fn failure(&mut self, workload: &WorkloadId, failure: Option<&Failure>) {
        match failure {
            Some(failure) => {
                counter!(exposition::WORKLOAD_FAILURES, "reason" => failure.word()).increment(1);
                warn!("{}: cannot start: {}: {}", short(workload), failure.word(), failure.detail());
            }
            None => info!("{}: can start again", short(workload)),
        }
    }

    /// The platform did not do what was asked.
    pub fn call_failed(&mut self, workload: &WorkloadId, error: &config::PlatformError) {
        counter!(exposition::PLATFORM_ERRORS).increment(1);
        warn!("{}: the platform refused: {error}; asked again soon", short(workload));
    }
}
