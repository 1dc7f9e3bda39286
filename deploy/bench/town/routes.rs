//! The load balancer's view: who can be given connections. It lags, as they do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::kubelet::Kubelet;
use super::{Directory, activator, autoscaler};

/// Between two looks: a target that went is dropped within twice this.
const LOOK: Duration = Duration::from_millis(100);

/// Who can be given connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Routes {
    /// Activators that are ready.
    pub(crate) activators: Vec<SocketAddr>,
    /// Pods that are ready.
    pub(crate) pods: Vec<SocketAddr>,
    /// Whether the autoscaler wants the activators out of the path.
    pub(crate) direct: bool,
}

/// Where a client aims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// At any activator.
    Activators,
    /// At any pod.
    Pods,
    /// As the route says.
    Route,
}

impl Routes {
    /// Those that a client who aims so may connect to.
    pub(crate) fn targets(&self, aim: Aim) -> &[SocketAddr] {
        match aim {
            Aim::Activators => &self.activators,
            Aim::Pods => &self.pods,
            Aim::Route if self.direct && !self.pods.is_empty() => &self.pods,
            Aim::Route => &self.activators,
        }
    }
}

/// Looks again and again, for as long as anybody listens.
pub(super) async fn watch_them(
    admin: SocketAddr,
    activators: Directory,
    kubelet: Arc<Kubelet>,
    routes: watch::Sender<Routes>,
) {
    while !routes.is_closed() {
        let known: Vec<_> = activators.lock().clone();
        let mut seen = Routes { direct: routes.borrow().direct, ..Routes::default() };
        for (listen, admin) in known {
            if activator::ready(admin).await {
                seen.activators.push(listen);
            }
        }
        for pod in kubelet.running() {
            if pod_is_ready(pod.address).await {
                seen.pods.push(pod.address);
            }
        }
        // While it is gone, the route stays what it was.
        if let Ok(status) = autoscaler::status(admin).await {
            seen.direct = status["route"] == "pods";
        }
        routes.send_if_modified(|known| {
            let changed = *known != seen;
            *known = seen;
            changed
        });
        sleep(LOOK).await;
    }
}

/// Asks as Knative's own prober does.
pub(super) async fn pod_is_ready(address: SocketAddr) -> bool {
    matches!(timeout(LOOK * 5, probe(address)).await, Ok(Ok(200)))
}

async fn probe(address: SocketAddr) -> anyhow::Result<u16> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: town\r\nK-Network-Probe: queue\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    status.and_then(|digits| digits.parse().ok()).context("no status")
}
