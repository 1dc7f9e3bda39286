//! Pods elsewhere: behind a queue-proxy of their own, or bare.

use std::net::SocketAddr;
use std::sync::Arc;

use activator::{Activator, HoldLimits};
use config::{Pod, PodId, PodState, Time};
use queue_proxy::net::Network;
use queue_proxy::{Connections, Front, Handler};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use crate::support::{App, Stage};

/// A pod that is reached over the network.
pub(crate) struct Remote {
    pub(crate) pod: Pod,
    pub(crate) app: Arc<App>,
    /// None in front of a bare pod.
    pub(crate) front: Option<Arc<Front>>,
    /// Those to its front.
    pub(crate) connections: Connections,
}

impl Stage {
    /// An activator that knows the workload and reaches the same pods.
    pub(crate) fn another_activator(&self, name: &str) -> Arc<Activator> {
        let network = Network::Memory(self.network.clone());
        let activator = Activator::with_network(name, self.clock, HoldLimits::default(), network);
        activator.set_workload(&self.workload(&self.serving));
        activator
    }

    /// A pod at `address`, ready.
    pub(crate) fn remote_at(&self, name: &str, address: SocketAddr, has_queue_proxy: bool) -> Pod {
        let (id, workload) = (PodId::new(name), self.id.clone());
        Pod { id, workload, address, state: PodState::Ready, has_queue_proxy, created: Time::ZERO }
    }

    /// Runs a pod behind a queue-proxy of its own; nobody is told.
    pub(crate) fn remote_pod(&self, name: &str) -> Remote {
        let (app_address, address) = (self.address(), self.address());
        let app = self.listen(app_address);
        let network = Network::Memory(self.network.clone());
        let front = Front::new(network, app_address, &self.serving, self.clock);
        let connections = Connections::default();
        tokio::spawn(serve(self.listener(address), connections.clone(), Arc::clone(&front)));
        Remote { pod: self.remote_at(name, address, true), app, front: Some(front), connections }
    }

    /// Runs a pod without a queue-proxy; nobody is told.
    pub(crate) fn bare_pod(&self, name: &str) -> Remote {
        let address = self.address();
        let app = self.listen(address);
        Remote { pod: self.remote_at(name, address, false), app, front: None, connections: Connections::default() }
    }

    /// Announces a pod to the stage's activator where the test itself plays the queue-proxy.
    pub(crate) fn played_pod(&self, name: &str) -> mpsc::Receiver<DuplexStream> {
        let address = self.address();
        let connections = self.listener(address);
        self.activator.set_remote_pod(&self.remote_at(name, address, true));
        connections
    }
}

async fn serve<H: Handler>(mut listener: mpsc::Receiver<DuplexStream>, connections: Connections, handler: H) {
    while let Some(stream) = listener.recv().await {
        tokio::spawn(connections.serve_memory(stream, handler.clone()));
    }
}

/// What the gates of these pods, by their own reports, counted: request-nanoseconds and arrivals.
pub(crate) fn counted_at_gates<'a>(pods: impl IntoIterator<Item = &'a Remote>) -> (u64, u64) {
    let mut reports = Vec::new();
    for front in pods.into_iter().filter_map(|remote| remote.front.as_ref()) {
        front.gate().take_reports(true, &mut reports);
    }
    sum(&reports)
}

pub(crate) fn sum(reports: &[config::Report]) -> (u64, u64) {
    let of = |value: fn(&config::Report) -> u64| reports.iter().map(value).sum();
    (of(|report| report.concurrency_ns), of(|report| report.arrived))
}
