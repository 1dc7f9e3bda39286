//! Which activators there are, and where each listens for which workload.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use config::link::Down;
use config::{Time, WorkloadId};

use super::hub::Hub;
use crate::gathered::Follower;

/// An activator that is linked, or whose Link broke so short a time ago that it may yet be back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatorSeen {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is, by its own word.
    pub ip: IpAddr,
    /// Whether it was told to end, and serves only until clients are sent elsewhere.
    pub is_leaving: bool,
}

/// What changed at a hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Activators came, went or are about to go.
    pub activators: bool,
    /// Workloads with other pods than before, or with a door that is open, or is not any more.
    pub workloads: HashSet<WorkloadId>,
}

/// What is known of those who reach pods past the activators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectSeen {
    /// When the last request came to a pod that way, if one was ever heard of.
    pub last: Option<Time>,
    /// Whether a pod that was heard once has no Link now, so that there may be more.
    pub may_be_more: bool,
}

/// Doors that are wanted, and who has them.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// On which port; none is said as well, for an activator may have a door from before this process.
    wanted: HashMap<WorkloadId, Option<u16>>,
    activators: BTreeMap<Arc<str>, Activator>,
}

#[derive(Debug)]
struct Activator {
    ip: IpAddr,
    is_leaving: bool,
    /// Doors of [`Doors::wanted`] that it said are open. It keeps them while its Link is broken.
    open: HashMap<WorkloadId, u16>,
}

impl Doors {
    /// What activators are to know of a workload's door.
    pub(super) fn frame(&self, id: &WorkloadId) -> Option<Down> {
        let port = *self.wanted.get(id)?;
        Some(Down::Door { workload: id.clone(), port })
    }

    /// Whether activators are to know something else now.
    fn set(&mut self, id: &WorkloadId, port: Option<u16>) -> bool {
        let before = self.wanted.insert(id.clone(), port);
        if before != Some(port) {
            self.shut(id);
        }
        before != Some(port)
    }

    /// The workload is no more, and with it all its doors. One that is still wanted is opened when it comes back.
    pub(super) fn workload_gone(&mut self, id: &WorkloadId) {
        self.shut(id);
        if self.wanted.get(id) == Some(&None) {
            self.wanted.remove(id);
        }
    }

    fn shut(&mut self, id: &WorkloadId) {
        self.activators.values_mut().for_each(|activator| _ = activator.open.remove(id));
    }

    /// An activator is linked; a new process has no doors yet.
    pub(super) fn greet(&mut self, name: &Arc<str>, ip: IpAddr, is_new: bool) {
        let open = self.activators.remove(name).filter(|_| !is_new).map(|before| before.open).unwrap_or_default();
        self.activators.insert(Arc::clone(name), Activator { ip, is_leaving: false, open });
    }

    /// An activator is gone.
    pub(super) fn lost(&mut self, name: &str) {
        self.activators.remove(name);
    }

    pub(super) fn leaves(&mut self, name: &str) {
        if let Some(activator) = self.activators.get_mut(name) {
            activator.is_leaving = true;
        }
    }

    /// An activator says what became of a door. What nobody wants (any more) is not remembered; whether it was.
    pub(super) fn said(&mut self, name: &str, id: &WorkloadId, port: u16, is_open: bool) -> bool {
        let is_wanted = self.wanted.get(id) == Some(&Some(port));
        let Some(activator) = self.activators.get_mut(name).filter(|_| is_wanted) else { return false };
        match is_open {
            true => activator.open.insert(id.clone(), port) != Some(port),
            false => activator.open.remove(id).is_some(),
        }
    }
}

/// For whoever routes requests to activators and pods.
impl Hub {
    /// On which port all activators are to listen for a workload; with none, no more. Also those that are linked later.
    pub fn set_door(&self, id: &WorkloadId, port: Option<u16>) {
        let mut known = self.known.lock();
        if known.doors.set(id, port) {
            known.tell_door(id);
        }
        if !known.knows(id) {
            known.doors.workload_gone(id);
        }
    }

    /// The activators that there are, by name.
    pub fn activators(&self) -> Vec<ActivatorSeen> {
        let known = self.known.lock();
        let seen = |(name, activator): (&Arc<str>, &Activator)| ActivatorSeen {
            name: Arc::clone(name),
            ip: activator.ip,
            is_leaving: activator.is_leaving,
        };
        known.doors.activators.iter().map(seen).collect()
    }

    /// Whether the activator said that it listens for the workload on this port.
    pub fn has_door(&self, name: &str, id: &WorkloadId, port: u16) -> bool {
        let known = self.known.lock();
        known.doors.activators.get(name).is_some_and(|activator| activator.open.get(id) == Some(&port))
    }

    /// Whether there are still requests that come to the workload's pods past the activators.
    pub fn direct(&self, id: &WorkloadId) -> DirectSeen {
        let known = self.known.lock();
        let may_be_more = known.pods_of(id).any(|(_, pod)| pod.is_silent());
        DirectSeen { last: known.last_direct(id), may_be_more }
    }

    /// What changes from now on, for one who follows it.
    pub fn follow(&self) -> Follower<Changed> {
        self.known.lock().changed.follow()
    }
}
