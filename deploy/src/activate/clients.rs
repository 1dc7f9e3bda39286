//! All clients of an activator: the gateway's, and those of each door.

use std::collections::HashMap;
use std::sync::Arc;

use config::bounds;
use parking_lot::Mutex;
use queue_proxy::Connections;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections of clients, by where they came in, so that one door can be closed while others stay open. Copies are the
/// same.
#[derive(Clone, Debug)]
pub(super) struct Clients(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gateway: Connections,
    doors: Mutex<Doors>,
}

#[derive(Debug, Default)]
struct Doors {
    /// Those of doors that are open, and of doors that were closed but whose clients have not left yet.
    all: HashMap<u64, Connections>,
    /// The number of the next door.
    next: u64,
    is_leaving: bool,
}

/// The clients of one door.
#[derive(Debug)]
pub(super) struct OfDoor {
    number: u64,
    pub(super) connections: Connections,
}

impl Clients {
    /// Those of the gateway, so far.
    pub(super) fn new() -> Clients {
        Clients(Arc::new(Inner { gateway: Connections::default(), doors: Mutex::default() }))
    }

    /// Those of the port that all workloads share.
    pub(super) fn gateway(&self) -> &Connections {
        &self.0.gateway
    }

    /// Those of a new door.
    pub(super) fn of_door(&self) -> OfDoor {
        let connections = self.0.gateway.others();
        let mut doors = self.0.doors.lock();
        if doors.is_leaving {
            connections.turn_all_away();
        }
        let number = doors.next;
        doors.next += 1;
        doors.all.insert(number, connections.clone());
        OfDoor { number, connections }
    }

    /// Turns the clients of a door that was closed away with their next response. Whoever sends nothing for
    /// [`bounds::LEAVE_QUIET`] is cut off.
    pub(super) fn let_go(&self, OfDoor { number, connections }: OfDoor) {
        connections.turn_all_away();
        let clients = self.clone();
        tokio::spawn(async move {
            if connections.open() > 0 {
                sleep(bounds::LEAVE_QUIET).await;
            }
            connections.stop().await;
            clients.0.doors.lock().all.remove(&number);
        });
    }

    /// Turns all away with their next response, also those who still come.
    pub(super) fn turn_all_away(&self) {
        self.0.doors.lock().is_leaving = true;
        self.each(Connections::turn_all_away);
    }

    /// How many have come so far to the gateway and to doors that are known.
    pub(super) fn accepted(&self) -> u64 {
        let mut accepted = 0;
        self.each(|connections| accepted += connections.accepted());
        accepted
    }

    /// Stops listening and closes each connection as soon as it has no request. Returns when all are closed.
    pub(super) async fn stop(&self) {
        let mut stopping = JoinSet::new();
        self.each(|connections| {
            let connections = connections.clone();
            stopping.spawn(async move { connections.stop().await });
        });
        stopping.join_all().await;
    }

    fn each(&self, mut act: impl FnMut(&Connections)) {
        act(&self.0.gateway);
        self.0.doors.lock().all.values().for_each(act);
    }
}
