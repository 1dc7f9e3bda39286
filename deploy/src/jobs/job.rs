//! One Job, from its first pod to its end.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use config::PodId;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::keeper::Around;
use super::launch::{Launch, Work};
use super::tally::Tally;
use crate::fleet::{Ended, Running};

/// A Job that is to run.
pub(super) struct Job<L> {
    pub(super) name: String,
    pub(super) work: Arc<Work>,
    pub(super) around: Arc<Around<L>>,
    /// Whether one of its pods runs or has done its work.
    pub(super) busy: Arc<AtomicBool>,
    /// Told to end.
    pub(super) leave: CancellationToken,
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its work is done.
    Complete,
    /// It is not, and this is why.
    Failed(String),
    /// It was told to leave.
    Deleted,
}

impl Outcome {
    /// For a metric.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Failed(_) => "failed",
            Outcome::Deleted => "deleted",
        }
    }
}

/// Pods that run, each until it succeeded or failed.
type Pods<'a> = FuturesUnordered<BoxFuture<'a, (PodId, Result<(), String>)>>;

impl<L: Launch> Job<L> {
    /// Runs it. When this returns, nothing of it is left.
    pub(super) async fn run(self) -> Outcome {
        let mut pods = Pods::new();
        let end = CancellationToken::new();
        let outcome = tokio::select! {
            outcome = self.work_off(&mut pods, &end) => outcome,
            () = self.leave.cancelled() => Outcome::Deleted,
            why = self.too_late() => Outcome::Failed(why),
        };
        end.cancel();
        while pods.next().await.is_some() {}
        outcome
    }

    async fn work_off<'a>(&'a self, pods: &mut Pods<'a>, end: &CancellationToken) -> Outcome {
        let mut tally = Tally::of(&self.work);
        let mut rested = Instant::now();
        let mut numbers = 1..;
        while !tally.is_complete(pods.len()) {
            let room = async {
                sleep_until(rested).await;
                self.around.permits.acquire().await
            };
            tokio::select! {
                Some((pod, ended)) = pods.next() => match ended {
                    Ok(()) => tally.succeeded(),
                    Err(why) => {
                        let pause = tally.failed();
                        if tally.has_failed() {
                            return Outcome::Failed(format!("{pod}: {why} ({})", tally.failures()));
                        }
                        warn!("{pod}: {why}; another follows in {pause:?} ({})", tally.failures());
                        rested = Instant::now() + pause;
                    }
                },
                Ok(permit) = room, if tally.wants_another(pods.len()) => {
                    let number = numbers.next().unwrap_or(u64::MAX);
                    pods.push(self.pod(number, permit, end.clone()).boxed());
                }
                // No pod runs and none may: parallelism is zero.
                else => pending().await,
            }
            self.busy.store(!pods.is_empty() || tally.any_succeeded(), Relaxed);
        }
        Outcome::Complete
    }

    /// Runs the pod with this number until it ends, or is ended because the Job is over.
    async fn pod(
        &self,
        number: u64,
        _permit: SemaphorePermit<'_>,
        end: CancellationToken,
    ) -> (PodId, Result<(), String>) {
        let pod = PodId::new(&format!("{}-{number}", self.name));
        let mut running = match self.around.launcher.launch(&pod, &self.work) {
            Ok(running) => running,
            Err(failure) => return (pod, Err(failure.detail().to_owned())),
        };
        tokio::select! {
            ended = running.ended() => return (pod, how(ended)),
            () = end.cancelled() => {}
        }
        running.terminate();
        if timeout(self.work.grace, running.ended()).await.is_err() {
            running.kill().await;
        }
        (pod, Err("was ended".to_owned()))
    }

    /// Resolves when it has taken longer than it may.
    async fn too_late(&self) -> String {
        match self.work.deadline {
            Some(deadline) => {
                sleep(deadline).await;
                format!("it took longer than activeDeadlineSeconds ({deadline:?})")
            }
            None => pending().await,
        }
    }
}

fn how(ended: Ended) -> Result<(), String> {
    match ended {
        Ended::Exited { success: true, .. } => Ok(()),
        Ended::Exited { detail, .. } | Ended::CannotRun(detail) => Err(detail),
    }
}
