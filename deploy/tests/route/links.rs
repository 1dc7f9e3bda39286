//! Links through memory.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use config::WorkloadId;
use config::link::{Down, Reporter, Up};
use deploy::link::LinkServer;
use queue_proxy::Clock;
use queue_proxy::link::{Link, LinkSettings};
use queue_proxy::net::{MemoryNetwork, Network};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const AUTOSCALER: ([u8; 4], u16) = ([127, 0, 0, 1], 8091);

/// The autoscaler serves whoever links to it.
pub(crate) fn serve(tasks: &mut JoinSet<()>, network: &MemoryNetwork, server: Arc<LinkServer>) {
    tasks.spawn(Arc::clone(&server).tend());
    let mut streams = network.listen(AUTOSCALER.into());
    tasks.spawn(async move {
        let mut links = JoinSet::new();
        while let Some(stream) = streams.recv().await {
            let server = Arc::clone(&server);
            links.spawn(async move { server.serve(stream, AUTOSCALER.0.into()).await });
        }
    });
}

/// A reporter at `ip` links to the autoscaler, and again when that is another; what it is told.
pub(crate) fn open(
    tasks: &mut JoinSet<()>,
    (network, clock): (&MemoryNetwork, Clock),
    reporter: Reporter,
    workload: Option<WorkloadId>,
    ip: IpAddr,
) -> (Link, mpsc::Receiver<Down>) {
    let (link, down, keep) = queue_proxy::link::open(LinkSettings {
        server: SocketAddr::from(AUTOSCALER).to_string(),
        tls: None,
        reporter,
        workload,
        address: (ip, 8012).into(),
        clock,
        network: Network::Memory(network.clone()),
    });
    tasks.spawn(keep);
    (link, down)
}

/// An activator opens the door that it was told to, if that is what it was told.
pub(crate) fn open_door(link: &Link, told: Down) {
    if let Down::Door { workload, port: Some(port) } = told {
        link.say([Up::Door { workload, port, error: None }]);
    }
}
