//! One slot: the lives of its pods, one after the other.

use std::sync::Arc;

use config::{Failure, PodState, bounds};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::group::{Group, Member, Place};
use super::restarts::Restarts;
use super::slots::runs_the_same;
use super::{Ended, Launch, Running};

/// How a pod's life ended.
enum End {
    /// As it was told to.
    Left,
    /// By itself.
    Alone(Option<Failure>),
}

impl<L: Launch> Group<L> {
    /// Keeps a pod running until it is told to leave.
    pub(super) async fn slot(self: Arc<Self>, mut place: Place) {
        let mut restarts = Restarts::default();
        let mut declared = self.declared();
        loop {
            // What is broken is tried at the slow pace: people must act first.
            let (pause, length) = match place {
                Err(no_room) => (no_room, bounds::RESTART_SLOWEST),
                Ok(member) => {
                    if !runs_the_same(&member.declared, &declared) {
                        restarts = Restarts::default(); // what ended before was something else
                    }
                    declared = Arc::clone(&member.declared);
                    let End::Alone(failure) = self.live(&member, &mut restarts).await else { return };
                    let length = if failure.is_some() { bounds::RESTART_SLOWEST } else { restarts.pause() };
                    let Some(pause) = self.lost(&member, failure) else { return };
                    (pause, length)
                }
            };
            let Some(next) = self.again(&pause, length).await else { return };
            place = next;
        }
    }

    /// One pod, from its start to its end, of which everybody is told.
    async fn live(self: &Arc<Self>, member: &Member, restarts: &mut Restarts) -> End {
        let pod = member.pod();
        let end = match self.shared.launcher.launch(&member.declared, &pod, &member.front).await {
            Ok(running) => {
                self.shared.wakes.started(&pod.id, self.shared.clock.now());
                self.run(member, running, restarts).await
            }
            Err(failure) => End::Alone(Some(failure)),
        };
        self.shared.launcher.release(pod.address);
        self.shared.wakes.gone(&pod.id);
        self.advance(member, PodState::Gone);
        end
    }

    async fn run(self: &Arc<Self>, member: &Member, mut running: L::Running, restarts: &mut Restarts) -> End {
        let deadline = self.declared().workload.policy.progress_deadline;
        tokio::select! {
            ended = running.ended() => return End::Alone(failure_of(ended, restarts)),
            ready = timeout(deadline, member.is_up()) => if ready.is_err() {
                running.kill().await;
                let port = member.pod().address.port();
                let detail = format!("not ready within {deadline:?}; it is to listen on its PORT, which was {port}");
                return End::Alone(Some(Failure::StartTimeout { detail }));
            } else {
                let since = Instant::now();
                tokio::select! {
                    _ = running.ended() => {
                        restarts.ended_after_ready(Instant::now() - since);
                        return End::Alone(None);
                    }
                    () = self.watch(member) => {}
                    () = member.leave.cancelled() => {}
                }
            },
            () = member.leave.cancelled() => {}
        }
        self.drain(member, running).await;
        End::Left
    }

    /// Tells that the pod is ready, and that it is not, as often as that changes.
    async fn watch(self: &Arc<Self>, member: &Member) {
        loop {
            self.ready(member);
            if member.declared.worker {
                return std::future::pending().await;
            }
            let error = member.front.failing().await;
            tracing::warn!(pod = %member.pod().id, %error, "A ready pod fails its probe");
            self.unready(member);
            member.front.ready().await;
        }
    }

    /// Nobody gives the pod anything new any more, for all were told before. It is told to end when it has nothing left, and has its termination
    /// grace in all for both.
    async fn drain(&self, member: &Member, mut running: L::Running) {
        let deadline = Instant::now() + self.declared().workload.serving.termination_grace;
        tokio::select! {
            _ = running.ended() => return,
            () = member.front.gate().empty() => {}
            () = sleep_until(deadline) => {}
        }
        running.terminate();
        let last = deadline.max(Instant::now() + bounds::LAST_GRACE);
        if timeout_at(last, running.ended()).await.is_err() {
            running.kill().await;
        }
    }
}

fn failure_of(ended: Ended, restarts: &mut Restarts) -> Option<Failure> {
    match ended {
        Ended::CannotRun(detail) => Some(Failure::Image { detail }),
        Ended::Exited { detail, .. } => {
            let exits = restarts.ended_before_ready();
            (exits >= bounds::CRASH_LOOP_EXITS).then_some(Failure::CrashLoop { exits, detail })
        }
    }
}
