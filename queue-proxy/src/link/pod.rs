//! What the queue-proxy of one pod says by its Link, and how it obeys what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use config::link::Down;
use config::{PodId, PodState, Report, Serving, Time, WorkloadId, bounds};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::{Link, backoff};
use crate::{Connections, Drain, Front};

/// One pod's side of its Link.
#[derive(Debug)]
pub struct PodReports {
    link: Link,
    pod: PodId,
    /// Known once the autoscaler has named it, if the pod did not.
    workload: watch::Sender<Option<WorkloadId>>,
    /// Whether the pod said so itself; else the autoscaler may name another, for labels change.
    is_sure: bool,
    front: Arc<Front>,
    connections: Connections,
    drain: Arc<Drain>,
    /// What it was started with; of this, what a running pod does not change stays.
    started_with: Serving,
    /// Of [`Connections::direct_requests`], how many were reported.
    direct_told: AtomicU64,
}

impl PodReports {
    /// Reports of `pod` of `workload`, whose requests pass `front`, by `link`. Without a workload it is the one that the
    /// autoscaler sends settings for, always the last; until the first, what there is to report is kept where it is counted.
    pub fn new(
        link: Link,
        (workload, pod): (Option<WorkloadId>, PodId),
        (front, started_with): (Arc<Front>, Serving),
        connections: Connections,
        drain: Arc<Drain>,
    ) -> PodReports {
        let direct_told = AtomicU64::new(0);
        let (is_sure, workload) = (workload.is_some(), watch::Sender::new(workload));
        PodReports { link, pod, workload, is_sure, front, connections, drain, started_with, direct_told }
    }

    /// Says how the pod is, and says it again whenever a drain begins or is taken back. Never ends.
    pub async fn say_state(&self) {
        loop {
            let changed = self.drain.changed();
            self.tell_state();
            changed.await;
        }
    }

    /// Says how the pod is now, if that is new: to be called when its readiness changed.
    pub fn tell_state(&self) {
        let state = match () {
            () if self.front.is_draining() => PodState::Draining,
            () if self.front.is_ready() => PodState::Ready,
            () => PodState::Starting,
        };
        self.link.state(state);
    }

    /// Reports each second in which somebody was here, and at once when more are here than the autoscaler was prepared
    /// for; every [`bounds::LATENCY_EVERY`] also how long requests took. Never ends.
    pub async fn say_reports(&self) {
        // The sender is ours.
        drop(self.workload.subscribe().wait_for(Option::is_some).await);
        let clock = self.front.clock();
        let spread = Duration::from_nanos(backoff::random() % bounds::LINK_SPREAD.as_nanos() as u64);
        let mut second = next_second(clock.now()) + spread;
        let mut seconds = 0;
        loop {
            // A whole second first: its reports include what is due at once.
            let is_whole = timeout_at(clock.instant_of(second), self.front.gate().alarmed()).await.is_err();
            if is_whole {
                second = next_second(clock.now()) + spread;
            }
            self.report(!is_whole);
            seconds += u64::from(is_whole);
            if is_whole && seconds.is_multiple_of(bounds::LATENCY_EVERY.as_secs()) {
                self.tell_latency();
            }
        }
    }

    /// Carries out what the autoscaler says, until the Link is no more.
    pub async fn obey(&self, mut said: mpsc::Receiver<Down>) {
        while let Some(frame) = said.recv().await {
            match frame {
                Down::Settings { workload, serving, watermark } if self.serves(&workload) => {
                    self.apply(serving, watermark);
                }
                Down::Leave { pod } if pod == self.pod => self.connections.turn_direct_away(),
                // For others, or of no meaning to a pod.
                _ => {}
            }
        }
    }

    /// Says the last of this pod, and that it is the last; waits for it to be heard, but no longer than
    /// [`bounds::LINK_LAST_WORDS`]. The driver of the Link must run meanwhile.
    pub async fn last_words(&self) {
        let end = Instant::now() + bounds::LINK_LAST_WORDS;
        self.report(true);
        self.tell_latency();
        if let Some(workload) = &*self.workload.borrow() {
            self.link.left(workload);
        }
        if timeout_at(end, self.link.finish()).await.is_err() {
            tracing::warn!("No autoscaler heard the last of this pod");
        }
    }

    /// Whether this is the pod's workload. Of one that has not said so itself, it is from now on: the autoscaler that names
    /// another ends the Link first, so that no frame of the one before can come later.
    fn serves(&self, workload: &WorkloadId) -> bool {
        if self.is_sure {
            return self.workload.borrow().as_ref() == Some(workload);
        }
        self.workload.send_if_modified(|known| {
            let is_new = known.as_ref() != Some(workload);
            if is_new {
                tracing::info!(%workload, "The autoscaler knows this pod");
                *known = Some(workload.clone());
            }
            is_new
        });
        true
    }

    fn report(&self, partial: bool) {
        let known = self.workload.borrow();
        let Some(workload) = &*known else { return };
        let mut reports: Vec<Report> = Vec::new();
        self.front.gate().take_reports(partial, &mut reports);
        if let Some(newest) = reports.last_mut() {
            newest.direct_connections = self.connections.direct().open;
            let came = self.connections.direct_requests();
            newest.direct = came - self.direct_told.swap(came, Ordering::Relaxed);
        }
        for report in reports {
            self.link.report(workload, report);
        }
    }

    fn tell_latency(&self) {
        let known = self.workload.borrow();
        let Some(workload) = &*known else { return };
        let latency = self.front.take_latency();
        if !latency.is_empty() {
            self.link.latency(workload, latency);
        }
    }

    /// What the app speaks, and how to tell that it is ready, are as old as the pod.
    fn apply(&self, serving: Serving, watermark: u32) {
        let serving =
            Serving { readiness: self.started_with.readiness.clone(), protocol: self.started_with.protocol, ..serving };
        tracing::info!(slots = serving.container_concurrency, watermark, "New settings");
        self.front.apply(&serving);
        self.front.gate().set_watermark(watermark);
    }
}

/// Just after the next whole second: tokio's timer has a grain of a millisecond, and a report taken a moment early would
/// leave that second open.
fn next_second(now: Time) -> Time {
    Time::from_nanos((now.second() + 1) * 1_000_000_000) + Duration::from_millis(1)
}
