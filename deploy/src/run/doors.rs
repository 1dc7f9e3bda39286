//! The ports that `rouse run` listens on: the gateway's, the admin's, and one for each port of each Service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{self, SocketAddr};
use std::sync::Arc;

use activator::Activator;
use anyhow::{Context, anyhow};
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

/// The ports that are to be open. All that the operating system might refuse is in hand.
pub(super) struct Plan {
    ports: BTreeSet<u16>,
    opening: Vec<Opening>,
}

/// A port that is new or leads elsewhere from now on.
struct Opening {
    port: u16,
    leads_to: WorkloadId,
    /// Both are handles of one socket.
    socket: net::TcpListener,
    listener: TcpListener,
}

impl Doors {
    /// No port is open yet. All will be at `address` and lead to workloads of `activator`.
    pub(super) fn new(address: net::IpAddr, clients: &Connections, activator: &Arc<Activator>) -> Doors {
        Doors { address, clients: clients.clone(), activator: Arc::clone(activator), open: BTreeMap::new() }
    }

    /// Binds what `workloads` need and is not open yet. Nothing is served there before [`Doors::set`].
    ///
    /// # Errors
    /// When a port is in use, by another workload or by another process, or the operating system refuses a handle.
    pub(super) fn plan(&self, workloads: &[Declared]) -> anyhow::Result<Plan> {
        let mut wanted: BTreeMap<u16, &Declared> = BTreeMap::new();
        let mut plan = Plan { ports: BTreeSet::new(), opening: Vec::new() };
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
                plan.ports.insert(port.port);
                plan.opening.extend(self.opening(port.port, declared)?);
            }
        }
        Ok(plan)
    }

    /// What it takes to let `port` lead to `declared`; nothing if it does.
    fn opening(&self, port: u16, declared: &Declared) -> anyhow::Result<Option<Opening>> {
        let what = format!("{}: Service port {port}", declared.source);
        let leads_to = declared.workload.id.clone();
        let listener = match self.open.get(&port) {
            Some(open) if open.leads_to == leads_to => return Ok(None),
            Some(open) => open.socket.try_clone(),
            None => bind(SocketAddr::new(self.address, port), &what, "change the Service's `port`")?.into_std(),
        };
        let handles = listener.and_then(|socket| Ok((TcpListener::from_std(socket.try_clone()?)?, socket)));
        let (listener, socket) = handles.with_context(|| format!("{what}: cannot be listened on"))?;
        Ok(Some(Opening { port, leads_to, socket, listener }))
    }

    /// Opens and closes ports as planned. The workloads must be known to the activator by now.
    pub(super) fn set(&mut self, plan: Plan) {
        self.open.retain(|port, _| plan.ports.contains(port));
        for Opening { port, leads_to, socket, listener } in plan.opening {
            let listening = listen(&self.clients, listener, self.activator.door(&leads_to));
            self.open.insert(port, Open { leads_to, socket, _listening: listening });
        }
    }
}

/// Accepts connections until the result is dropped.
pub(super) fn listen<H: Handler>(connections: &Connections, listener: TcpListener, handler: H) -> JoinSet<()> {
    let connections = connections.clone();
    let mut listening = JoinSet::new();
    listening.spawn(async move { connections.listen(listener, handler).await });
    listening
}
