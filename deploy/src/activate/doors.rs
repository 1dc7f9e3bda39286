//! Doors: the ports on which an activator listens for one workload each, as the autoscaler says.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use activator::Activator;
use config::link::{Down, Up};
use config::{Time, WorkloadId, bounds};
use queue_proxy::link::Link;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::clients::{Clients, OfDoor};

/// The doors that the autoscaler wants. Each costs a socket, a task that waits for it, and no more.
pub(super) struct Doors {
    /// Where all of them are.
    address: IpAddr,
    activator: Arc<Activator>,
    clients: Clients,
    link: Link,
    wanted: BTreeMap<WorkloadId, Door>,
    /// When doors that could not be had are tried again.
    retry_at: Time,
}

/// A door, and whether it could be had.
struct Door {
    port: u16,
    open: Option<Open>,
}

/// A port that is listened on.
struct Open {
    clients: OfDoor,
    _listening: AbortOnDropHandle<()>,
}

impl Doors {
    /// None yet. All will be at `address`; what becomes of each is said by `link`.
    pub(super) fn new(address: IpAddr, activator: &Arc<Activator>, clients: &Clients, link: &Link) -> Doors {
        let (activator, clients, link) = (Arc::clone(activator), clients.clone(), link.clone());
        Doors { address, activator, clients, link, wanted: BTreeMap::new(), retry_at: Time::ZERO }
    }

    /// Does what the autoscaler says, after the activator has. Other frames mean nothing here.
    pub(super) fn apply(&mut self, frame: &Down) {
        match frame {
            Down::Door { workload, port: Some(port) } => self.open(workload, *port),
            Down::Door { workload, port: None } | Down::WorkloadGone { workload } => self.close(workload),
            // Some workloads may have gone while nobody said so.
            Down::Synced => {
                let gone = |id: &&WorkloadId| self.activator.snapshot(id).is_none();
                let gone: Vec<_> = self.wanted.keys().filter(gone).cloned().collect();
                gone.iter().for_each(|id| self.close(id));
            }
            _ => {}
        }
    }

    /// Tries again what could not be had, at most every [`bounds::DOOR_RETRY`].
    pub(super) fn retry(&mut self, now: Time) {
        if now < self.retry_at {
            return;
        }
        self.retry_at = now + bounds::DOOR_RETRY;
        let closed = self.wanted.iter().filter(|(_, door)| door.open.is_none());
        let closed: Vec<_> = closed.map(|(id, door)| (id.clone(), door.port)).collect();
        for (workload, port) in closed {
            self.open(&workload, port);
        }
    }

    /// Opens a door and says what became of it. One that is open stays, and is said to be so.
    fn open(&mut self, workload: &WorkloadId, port: u16) {
        if self.wanted.get(workload).is_some_and(|door| door.port != port) {
            self.close(workload);
        }
        if self.wanted.len() >= bounds::DOORS && !self.wanted.contains_key(workload) {
            return self.say(workload, port, Some(format!("there are {} doors already", bounds::DOORS)));
        }
        let door = self.wanted.entry(workload.clone()).or_insert(Door { port, open: None });
        let mut error = None;
        if door.open.is_none() {
            match queue_proxy::net::listen(SocketAddr::new(self.address, port)) {
                Ok(listener) => {
                    let (clients, handler) = (self.clients.of_door(), self.activator.door(workload));
                    let connections = clients.connections.clone();
                    let listening = tokio::spawn(async move { connections.listen(listener, handler).await });
                    door.open = Some(Open { clients, _listening: AbortOnDropHandle::new(listening) });
                }
                Err(refused) => {
                    warn!("no door for {workload}: cannot listen on {}:{port}: {refused}", self.address);
                    error = Some(refused.to_string());
                }
            }
        }
        self.say(workload, port, error);
    }

    /// Accepts no more connections; those that are there are turned away, and none is failed.
    fn close(&mut self, workload: &WorkloadId) {
        if let Some(Door { open: Some(open), .. }) = self.wanted.remove(workload) {
            self.clients.let_go(open.clients);
        }
    }

    fn say(&self, workload: &WorkloadId, port: u16, error: Option<String>) {
        self.link.say([Up::Door { workload: workload.clone(), port, error }]);
    }
}

#[cfg(test)]
mod tests;
