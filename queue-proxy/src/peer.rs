//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tokio::time::Instant;

use crate::serve::Connections;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    /// Counts up over all connections of one door.
    number: u64,
    /// One of the kinds below; only grows.
    kind: AtomicU8,
    door: Connections,
    due: Arc<Due>,
}

/// Has sent nothing that tells what it is.
const UNKNOWN: u8 = 0;
/// Only an activator has sent requests.
const ACTIVATOR: u8 = 1;
/// A client has sent a request directly.
const CLIENT: u8 = 2;

/// Connections that come from clients rather than from activators.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct {
    /// How many are open.
    pub open: u32,
    /// When the last one came.
    pub last: Option<Instant>,
    /// Whether activators have used this listener.
    pub activator_seen: bool,
    /// How many connections are open on which only activators have sent requests.
    pub activators: u32,
}

/// When the response that is being written to an HTTP/1 connection has to be over.
#[derive(Debug)]
pub(crate) struct Due {
    origin: Instant,
    /// Nanoseconds after the origin; `u64::MAX` is never.
    at: AtomicU64,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, number: u64, door: Connections) -> Peer {
        let due = Arc::new(Due { origin: Instant::now(), at: AtomicU64::new(u64::MAX) });
        Peer { address, number, kind: AtomicU8::new(UNKNOWN), door, due }
    }

    /// Its address; `0.0.0.0:0` within one process.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes that a request, and so this connection, comes from a client rather than from an activator.
    #[inline]
    pub fn note_direct(&self) {
        self.door.direct_request();
        if self.kind.load(Ordering::Relaxed) != CLIENT {
            self.become_direct();
        }
    }

    #[cold]
    fn become_direct(&self) {
        let mut was = CLIENT;
        self.door.change_direct(|direct| {
            was = self.kind.swap(CLIENT, Ordering::Relaxed);
            if was != CLIENT {
                direct.open += 1;
                direct.last = Some(Instant::now());
                direct.activators -= u32::from(was == ACTIVATOR);
            }
        });
        if was == ACTIVATOR {
            // It may have stayed when clients were turned away.
            self.door.tell_leaving();
        }
    }

    /// Notes that a request on this connection comes from an activator.
    #[inline]
    pub fn note_activator(&self) {
        if self.kind.load(Ordering::Relaxed) == UNKNOWN {
            self.become_activators();
        }
    }

    #[cold]
    fn become_activators(&self) {
        self.door.change_direct(|direct| {
            // A client's it stays, should another stream of the connection say so just now.
            if self.kind.fetch_max(ACTIVATOR, Ordering::Relaxed) == UNKNOWN {
                direct.activator_seen = true;
                direct.activators += 1;
            }
        });
    }

    /// Whether the other end is to be turned away from here with its next response.
    #[inline]
    pub(crate) fn is_leaving(&self) -> bool {
        let (all, direct) = self.door.leaving();
        self.number < all || (self.number < direct && self.kind.load(Ordering::Relaxed) != ACTIVATOR)
    }

    /// When the response that is being written has to be over.
    pub(crate) fn due(&self) -> &Arc<Due> {
        &self.due
    }

    pub(crate) fn door(&self) -> &Connections {
        &self.door
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        match *self.kind.get_mut() {
            ACTIVATOR => self.door.change_direct(|direct| direct.activators -= 1),
            CLIENT => self.door.change_direct(|direct| direct.open -= 1),
            _ => {}
        }
        self.door.closed();
    }
}

impl Due {
    #[inline]
    pub(crate) fn set(&self, due: Option<Instant>) {
        let after = |due: Instant| due.saturating_duration_since(self.origin).as_nanos() as u64;
        self.at.store(due.map_or(u64::MAX, after), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<Instant> {
        match self.at.load(Ordering::Relaxed) {
            u64::MAX => None,
            after => self.origin.checked_add(std::time::Duration::from_nanos(after)),
        }
    }
}
