//! All workloads of one activator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use config::link::{Reporter, Up};
use config::{Failure, Mode, Pod, Serving, Workload, WorkloadId, bounds};
use queue_proxy::net::Network;
use queue_proxy::{Clock, Front};

use crate::board::Board;
use crate::gateway::{Door, Gateway};
use crate::hold::HoldLimits;
use crate::news::{News, Wake};
use crate::routes::Routes;
use crate::snapshot::Snapshot;
use crate::sync::Sync;

/// Stands in front of all pods of all workloads: holds requests while no pod can take one, and hands each to a pod the
/// moment one can.
///
/// It is told of workloads and pods, and it is asked for reports; it asks nobody itself.
#[derive(Debug)]
pub struct Activator {
    name: Arc<str>,
    clock: Clock,
    limits: HoldLimits,
    network: Network,
    news: Arc<News>,
    routes: Routes,
    pub(crate) sync: Sync,
    /// How often all reports were taken.
    seconds: AtomicU64,
}

impl Activator {
    /// An activator that reports as `name` and holds at most `limits` for each workload.
    pub fn new(name: &str, clock: Clock, limits: HoldLimits) -> Arc<Activator> {
        Activator::with_network(name, clock, limits, Network::default())
    }

    /// An activator that reaches remote pods by `network`.
    pub fn with_network(name: &str, clock: Clock, limits: HoldLimits, network: Network) -> Arc<Activator> {
        Arc::new(Activator {
            name: name.into(),
            clock,
            limits,
            network,
            news: Arc::default(),
            routes: Routes::default(),
            sync: Sync::default(),
            seconds: AtomicU64::new(0),
        })
    }

    /// As whom it reports.
    pub fn reporter(&self) -> Reporter {
        Reporter::Activator(Arc::clone(&self.name))
    }

    /// Takes note of a workload that is new or changed. The gates of its pods must have been changed before, for this
    /// fills slots that they have more.
    pub fn set_workload(&self, workload: &Workload) {
        let Workload { id, policy, serving, hosts } = workload;
        self.serve_as(id, serving, policy.mode, hosts);
    }

    pub(crate) fn serve_as(&self, id: &WorkloadId, serving: &Serving, mode: Mode, hosts: &[String]) {
        let board = match self.routes.by_id(id) {
            Some(board) => {
                board.set_serving(serving, Some(mode));
                board
            }
            None => Board::new(id.clone(), self.clock, self.limits, Arc::clone(&self.news), serving, mode),
        };
        self.routes.set(&board, hosts);
    }

    /// Forgets a workload. Requests that wait for it are answered with 503; what runs in its pods goes on.
    pub fn remove_workload(&self, id: &WorkloadId) {
        if let Some(board) = self.routes.remove(id) {
            board.close();
        }
    }

    /// Takes note of a pod that is new or changed; its workload must be known. One that is gone is forgotten when its
    /// last report has been taken.
    pub fn set_pod(&self, pod: &Pod, front: &Arc<Front>) {
        match self.routes.by_id(&pod.workload) {
            Some(board) => board.set_pod(pod, front),
            None => tracing::debug!(pod = %pod.id, workload = %pod.workload, "Pod of an unknown workload"),
        }
    }

    /// Takes note of a pod that is new or changed and is reached at its address; its workload must be known. Without a
    /// queue-proxy of its own its requests are counted here. One that changes its address is a new one.
    pub fn set_remote_pod(&self, pod: &Pod) {
        match self.routes.by_id(&pod.workload) {
            Some(board) => board.set_remote_pod(pod, &self.network),
            None => tracing::debug!(pod = %pod.id, workload = %pod.workload, "Pod of an unknown workload"),
        }
    }

    /// Takes note of why a workload can have no ready pod, or that this is over. While it can have none and has none,
    /// requests are answered with 503 and [`Failure::word`].
    pub fn set_failure(&self, id: &WorkloadId, failure: Option<&Failure>) {
        if let Some(board) = self.routes.by_id(id) {
            board.set_failure(failure);
        }
    }

    /// Sets how many requests may be open before a report is due at once.
    pub fn set_watermark(&self, id: &WorkloadId, watermark: u32) {
        if let Some(board) = self.routes.by_id(id) {
            board.with(|state| state.ledger.set_watermark(watermark));
        }
    }

    /// Serves a port that all workloads share: the request's host says which one is meant.
    pub fn gateway(self: &Arc<Activator>) -> Gateway {
        Gateway::new(Arc::clone(self))
    }

    /// Serves one workload's own port, whatever the host.
    pub fn door(self: &Arc<Activator>, id: &WorkloadId) -> Door {
        Door::new(Arc::clone(self), id.clone())
    }

    /// What is known of one workload now.
    pub fn snapshot(&self, id: &WorkloadId) -> Option<Snapshot> {
        self.routes.by_id(id).map(|board| board.snapshot())
    }

    /// Resolves when some report is due at once: [`Activator::take_reports`] has it. Cancel
    /// safe; for one listener.
    pub async fn news(&self) {
        self.news.urgent().await;
    }

    /// Resolves when no request is open, held or forwarded, of any workload, also of one that was removed. A tunnel is
    /// one, though its connection is none any more; it may last. Cancel safe.
    pub async fn emptied(&self) {
        self.news.emptied().await;
    }

    /// Moves the reports that are due to `out`: this activator's own, which count what it holds, and those of the
    /// pods' gates. With `urgent_only`, of the workloads whose report is due at once; else of all that are busy, to be
    /// called at each whole second; every [`bounds::LATENCY_EVERY`] that includes how long requests took.
    ///
    /// A workload that fell idle says so once and is then silent.
    pub fn take_reports(&self, urgent_only: bool, out: &mut Vec<Up>) {
        for board in self.news.take_urgent().iter().filter_map(std::sync::Weak::upgrade) {
            board.report(&self.name, true, out);
        }
        if urgent_only {
            return;
        }
        let seconds = self.seconds.fetch_add(1, Ordering::Relaxed) + 1;
        let with_latency = seconds.is_multiple_of(bounds::LATENCY_EVERY.as_secs());
        let mut busy = self.news.take_busy();
        busy.retain(|board| {
            let Some(board) = board.upgrade() else { return false };
            if with_latency {
                board.report_latency(&self.name, out);
            }
            board.report_second(&self.name, out)
        });
        self.news.stay(busy);
    }

    /// Moves out the wakes from zero since the last call, the oldest first; at most
    /// [`config::bounds::WAKES_KEPT`].
    pub fn take_wakes(&self) -> Vec<Wake> {
        self.news.take_wakes()
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }
}
