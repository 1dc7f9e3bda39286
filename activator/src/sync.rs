//! What the autoscaler says over a Link, and what it says no more.

use std::collections::HashSet;

use config::link::Down;
use config::{Pod, PodId, PodState, WorkloadId};
use parking_lot::Mutex;

use crate::activator::Activator;

/// What was named since a Link opened; none while nobody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Sync(Mutex<Option<Named>>);

/// As many as the autoscaler knows.
#[derive(Debug, Default)]
struct Named {
    workloads: HashSet<WorkloadId>,
    pods: HashSet<PodId>,
    /// Workloads of which nothing else was said than that they are there, and perhaps which pods they have.
    stay: HashSet<WorkloadId>,
}

impl Activator {
    /// From now on it is noted what [`Activator::apply`] names, until [`Down::Synced`]. Call it at each
    /// [`Down::Welcome`]: what was known before stays in use until then.
    pub fn begin_sync(&self) {
        *self.sync.0.lock() = Some(Named::default());
    }

    /// Does what the autoscaler says: workloads, their settings and their remote pods. At [`Down::Synced`] all workloads
    /// and remote pods go that were not named since [`Activator::begin_sync`], but those of workloads that stay as they
    /// are, of which pods go only if others were named. Other frames mean nothing here.
    ///
    /// A workload must be named before its pods: those of one that is not known are ignored.
    pub fn apply(&self, down: &Down) {
        match down {
            Down::Workload { workload, serving, mode, hosts } => {
                self.name(|named| _ = named.workloads.insert(workload.clone()));
                self.serve_as(workload, serving, *mode, hosts);
            }
            Down::WorkloadGone { workload } => {
                self.name(|named| {
                    named.workloads.remove(workload);
                    named.stay.remove(workload);
                });
                self.remove_workload(workload);
            }
            Down::Settings { workload, serving, watermark } => {
                if let Some(board) = self.routes().by_id(workload) {
                    board.set_serving(serving, None);
                    board.with(|state| state.ledger.set_watermark(*watermark));
                }
            }
            Down::Pods { workload, pods, failure, .. } => {
                pods.iter().for_each(|pod| self.set_named_pod(pod));
                self.set_failure(workload, failure.as_ref());
            }
            Down::Stays { workload } => self.name(|named| _ = named.stay.insert(workload.clone())),
            Down::Synced => self.end_sync(),
            Down::Welcome { .. } | Down::Heartbeat | Down::Ack { .. } | Down::Leave { .. } | Down::Door { .. } => {}
        }
    }

    fn set_named_pod(&self, pod: &Pod) {
        self.name(|named| match pod.state {
            PodState::Gone => _ = named.pods.remove(&pod.id),
            _ => _ = named.pods.insert(pod.id.clone()),
        });
        self.set_remote_pod(pod);
    }

    fn name(&self, note: impl FnOnce(&mut Named)) {
        if let Some(named) = self.sync.0.lock().as_mut() {
            note(named);
        }
    }

    /// Forgets what was not named.
    fn end_sync(&self) {
        let Some(named) = self.sync.0.lock().take() else { return };
        for board in self.routes().all() {
            if named.workloads.contains(board.id()) {
                board.retain_remote(|pod| named.pods.contains(pod));
            } else if !named.stay.contains(board.id()) {
                self.remove_workload(board.id());
            } else if board.has_remote(|pod| named.pods.contains(pod)) {
                board.retain_remote(|pod| named.pods.contains(pod)); // where its pods are said, all are
            }
        }
    }
}
