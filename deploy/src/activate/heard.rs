//! Between an activator and its Link: what the autoscaler says goes to the activator, and its reports go back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use activator::Activator;
use config::WorkloadId;
use config::link::Down;
use parking_lot::Mutex;
use queue_proxy::Clock;
use queue_proxy::link::Link;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::doors::Doors;
use super::unsaid::Unsaid;
use crate::link::next_second;
use crate::narrate::Narrator;

/// What others ask of what the autoscaler said.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The workloads that the autoscaler named: bounded by those that it has.
    workloads: Mutex<BTreeSet<WorkloadId>>,
    is_synced: AtomicBool,
    is_ending: AtomicBool,
}

impl Heard {
    /// The workloads that the autoscaler named.
    pub(super) fn workloads(&self) -> Vec<WorkloadId> {
        self.workloads.lock().iter().cloned().collect()
    }

    /// Whether clients are to be sent here: all that there is has been heard once, and no end is near.
    pub(super) fn is_ready(&self) -> bool {
        self.is_synced.load(Ordering::Relaxed) && !self.is_ending.load(Ordering::Relaxed)
    }

    /// From now on clients are to be sent elsewhere.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    fn note(&self, frame: &Down, activator: &Activator) {
        match frame {
            Down::Workload { workload, .. } => drop(self.workloads.lock().insert(workload.clone())),
            Down::WorkloadGone { workload } => drop(self.workloads.lock().remove(workload)),
            // Some may have gone while nobody said so.
            Down::Synced => {
                self.workloads.lock().retain(|id| activator.snapshot(id).is_some());
                self.is_synced.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// Carries frames both ways, until the Link's receiver ends. Reports that are due at once go at once, and all after each
/// whole second.
pub(super) async fn carry(
    activator: Arc<Activator>,
    link: Link,
    mut down: mpsc::Receiver<Down>,
    heard: Arc<Heard>,
    clock: Clock,
    mut narrator: Narrator,
    mut doors: Doors,
) {
    let mut due = Vec::new();
    let mut unsaid = Unsaid::new(activator.reporter());
    let mut second = next_second(clock.now());
    loop {
        let urgent = tokio::select! {
            biased; // a pod that became ready first: requests wait for it
            frame = down.recv() => {
                let Some(frame) = frame else { return };
                if matches!(frame, Down::Welcome { .. }) {
                    activator.begin_sync();
                }
                activator.apply(&frame);
                heard.note(&frame, &activator);
                doors.apply(&frame);
                unsaid.add(activator.take_wakes(), &mut narrator);
                continue;
            }
            () = sleep_until(clock.instant_of(second)) => false,
            () = activator.news() => true,
        };
        if !urgent {
            second = next_second(clock.now());
            doors.retry(clock.now());
            unsaid.add(activator.take_wakes(), &mut narrator);
            unsaid.take(clock.now(), &mut due);
        }
        activator.take_reports(urgent, &mut due);
        if !due.is_empty() {
            link.say(due.drain(..));
        }
    }
}
