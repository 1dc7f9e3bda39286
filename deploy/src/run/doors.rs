//! The ports that `rouse run` listens on: the gateway's, the admin's, and one for each port of each Service.

use std::collections::BTreeMap;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;

use activator::Activator;
use anyhow::anyhow;
use config::WorkloadId;
use config::manifest::Declared;
use queue_proxy::{Connections, Handler};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::RunOptions;
use crate::process::bind;

/// Binds the two ports that are always there.
pub(super) fn bind_both(options: &RunOptions) -> anyhow::Result<(TcpListener, TcpListener)> {
    let gateway = bind(options.listen, "the gateway", "choose another with --listen")?;
    let admin = bind(options.admin, "the admin port", "choose another with --admin")?;
    Ok((gateway, admin))
}

/// The Services' ports.
pub(super) struct Doors {
    /// Where all of them are.
    address: net::IpAddr,
    clients: Connections,
    activator: Arc<Activator>,
    open: BTreeMap<u16, Open>,
}

/// One port that is listened on, until it is dropped; connections stay.
struct Open {
    leads_to: WorkloadId,
    /// Another handle of the same socket: whoever it leads to may change, and nobody is turned away meanwhile.
    socket: net::TcpListener,
    _listening: JoinSet<()>,
}

/// The ports that are to be open, those that are new bound already.
pub(super) struct Plan {
    lead_to: BTreeMap<u16, WorkloadId>,
    bound: Vec<(u16, net::TcpListener)>,
}

impl Doors {
    /// No port is open yet. All will be at `address` and lead to workloads of `activator`.
    pub(super) fn new(address: net::IpAddr, clients: &Connections, activator: &Arc<Activator>) -> Doors {
        Doors { address, clients: clients.clone(), activator: Arc::clone(activator), open: BTreeMap::new() }
    }

    /// Binds what `workloads` need and is not open yet. Nothing is served there before [`Doors::set`].
    ///
    /// # Errors
    /// When a port is in use, by another workload or by another process.
    pub(super) fn plan(&self, workloads: &[Declared]) -> anyhow::Result<Plan> {
        let mut wanted: BTreeMap<u16, &Declared> = BTreeMap::new();
        let mut plan = Plan { lead_to: BTreeMap::new(), bound: Vec::new() };
        for declared in workloads {
            for port in &declared.ports {
                if let Some(other) = wanted.insert(port.port, declared) {
                    return Err(anyhow!(
                        "{}: Service port {} is also a port of {}; on one machine each needs its own",
                        declared.source,
                        port.port,
                        other.source
                    ));
                }
                plan.lead_to.insert(port.port, declared.workload.id.clone());
                if !self.open.contains_key(&port.port) {
                    let what = format!("{}: Service port {}", declared.source, port.port);
                    let address = SocketAddr::new(self.address, port.port);
                    let listener = bind(address, &what, "change the Service's `port`")?;
                    plan.bound.push((port.port, listener.into_std()?));
                }
            }
        }
        Ok(plan)
    }

    /// Opens and closes ports as planned. The workloads must be known to the activator by now.
    ///
    /// # Errors
    /// When the operating system refuses a handle.
    pub(super) fn set(&mut self, plan: Plan) -> io::Result<()> {
        self.open.retain(|port, _| plan.lead_to.contains_key(port));
        let mut bound: BTreeMap<_, _> = plan.bound.into_iter().collect();
        for (port, workload) in plan.lead_to {
            let socket = match (bound.remove(&port), self.open.get(&port)) {
                (Some(socket), _) => socket,
                (None, Some(open)) if open.leads_to != workload => open.socket.try_clone()?,
                (None, _) => continue,
            };
            let listener = TcpListener::from_std(socket.try_clone()?)?;
            let listening = listen(&self.clients, listener, self.activator.door(&workload));
            self.open.insert(port, Open { leads_to: workload, socket, _listening: listening });
        }
        Ok(())
    }
}

/// Accepts connections until the result is dropped.
pub(super) fn listen<H: Handler>(connections: &Connections, listener: TcpListener, handler: H) -> JoinSet<()> {
    let connections = connections.clone();
    let mut listening = JoinSet::new();
    listening.spawn(async move { connections.listen(listener, handler).await });
    listening
}
