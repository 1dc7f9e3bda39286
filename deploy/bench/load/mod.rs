//! Steady load: clients that send one request after the other and remember what became of each.

mod connection;
mod payload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::connection::{Asked, Connection, Failed};
pub(crate) use self::payload::Payload;
use crate::town::{Aim, HOST, Routes};

/// A request that has no answer by then hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One kind of client.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) count: usize,
    pub(crate) aim: Aim,
    /// Whether a connection serves many requests, or one.
    pub(crate) keep_alive: bool,
    /// Path and query.
    pub(crate) path: &'static str,
    /// Bodies, in turn.
    pub(crate) payloads: &'static [Payload],
    /// Between an answer and the next request.
    pub(crate) pause: Duration,
    /// Whether a request that failed is sent once more.
    pub(crate) retry: bool,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients {
            count: 1,
            aim: Aim::Activators,
            keep_alive: true,
            path: "/echo",
            payloads: &[Payload::NONE],
            pause: Duration::ZERO,
            retry: false,
        }
    }
}

/// A request without a good answer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) target: Option<SocketAddr>,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) what: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let took = (self.ended - self.began).as_millis();
        match self.target {
            Some(target) => write!(f, "{}, by {target}, after {took} ms", self.what),
            None => write!(f, "{}, after {took} ms", self.what),
        }
    }
}

/// What all clients saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests, those sent again not counted.
    pub(crate) asked: AtomicU64,
    /// Times that a request was sent again by a client that may.
    pub(crate) again: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) failures: Mutex<Vec<Failure>>,
    pub(crate) times: Mutex<Vec<Duration>>,
}

/// Numbers that no two requests of a process have.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Tally {
    /// Requests without a good answer.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.lock().len() as u64
    }

    /// How long each answered request took, shortest first.
    pub(crate) fn sorted_times(&self) -> Vec<Duration> {
        let mut times = self.times.lock().clone();
        times.sort_unstable();
        times
    }
}

/// What drives clients from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Go,
    Pause,
    Stop,
}

/// Running clients.
pub(crate) struct Load {
    clients: JoinSet<()>,
    orders: watch::Sender<Order>,
    routes: watch::Receiver<Routes>,
    host: &'static str,
    pub(crate) tally: Arc<Tally>,
}

impl Load {
    /// No clients yet; they will find their targets in `routes`.
    pub(crate) fn new(routes: watch::Receiver<Routes>) -> Load {
        let (orders, _) = watch::channel(Order::Go);
        Load { clients: JoinSet::new(), orders, routes, host: HOST, tally: Arc::default() }
    }

    /// Adds clients.
    pub(crate) fn add(&mut self, kind: &Clients) {
        for number in 0..kind.count {
            let client = Client {
                kind: kind.clone(),
                host: self.host,
                orders: self.orders.subscribe(),
                routes: self.routes.clone(),
                tally: Arc::clone(&self.tally),
                connection: None,
                turn: number,
            };
            self.clients.spawn(client.run());
        }
    }

    /// No further request until [`Load::go`]; those on their way end as they end.
    pub(crate) fn pause(&self) {
        self.orders.send_replace(Order::Pause);
    }

    pub(crate) fn go(&self) {
        self.orders.send_replace(Order::Go);
    }

    /// Ends all clients after their last answers.
    pub(crate) async fn stop(mut self) -> Arc<Tally> {
        self.orders.send_replace(Order::Stop);
        while self.clients.join_next().await.is_some() {}
        self.tally
    }
}

struct Client {
    kind: Clients,
    host: &'static str,
    orders: watch::Receiver<Order>,
    routes: watch::Receiver<Routes>,
    tally: Arc<Tally>,
    connection: Option<Connection>,
    /// Which payload, and which target, is next.
    turn: usize,
}

impl Client {
    async fn run(mut self) {
        loop {
            let order = *self.orders.borrow_and_update();
            match order {
                Order::Stop => return,
                Order::Pause => {
                    if self.orders.changed().await.is_err() {
                        return;
                    }
                }
                Order::Go => self.one().await,
            }
            sleep(self.kind.pause).await;
        }
    }

    async fn one(&mut self) {
        self.tally.asked.fetch_add(1, Ordering::Relaxed);
        let payload = self.kind.payloads[self.turn % self.kind.payloads.len()];
        self.turn += 1;
        let began = Instant::now();
        let mut outcome = self.attempt(payload, None).await;
        if let (Err((failed, _)), true) = (&outcome, self.kind.retry) {
            self.tally.again.fetch_add(1, Ordering::Relaxed);
            let failed = *failed;
            outcome = self.attempt(payload, failed).await;
        }
        let ended = Instant::now();
        match outcome {
            Ok(()) => {
                self.tally.answered.fetch_add(1, Ordering::Relaxed);
                self.tally.times.lock().push(ended - began);
            }
            Err((target, what)) => {
                self.tally.failures.lock().push(Failure { target, began, ended, what });
                // Nobody hammers on what is broken.
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// One request, on the connection there is, or on another if nothing could be written to that; not to the target that
    /// just failed, if there is another.
    async fn attempt(
        &mut self,
        payload: Payload,
        failed: Option<SocketAddr>,
    ) -> Result<(), (Option<SocketAddr>, String)> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        loop {
            let mut connection = self.connected(failed).await?;
            let target = connection.target;
            let asked = Asked { id, host: self.host, path: self.kind.path, payload };
            return match timeout(PATIENCE, connection.send(&asked)).await {
                Ok(Ok(())) => {
                    self.connection = self.kind.keep_alive.then_some(connection);
                    Ok(())
                }
                Ok(Err(Failed::Unsent)) => continue,
                Ok(Err(Failed::Broken(what))) => Err((Some(target), what)),
                Ok(Err(Failed::Status(status, reason))) => Err((Some(target), format!("status {status}: {reason}"))),
                Err(_) => Err((Some(target), format!("no answer in {} s", PATIENCE.as_secs()))),
            };
        }
    }

    /// The connection of the last request if its target is still in the route; else one to the next target that takes
    /// it, as load balancers do.
    async fn connected(&mut self, last: Option<SocketAddr>) -> Result<Connection, (Option<SocketAddr>, String)> {
        if let Some(mut connection) = self.connection.take() {
            let listed = self.routes.borrow().targets(self.kind.aim).contains(&connection.target);
            if listed && connection.usable().await {
                return Ok(connection);
            }
        }
        let mut targets = self.routes.borrow().targets(self.kind.aim).to_vec();
        if targets.len() > 1 {
            targets.retain(|target| Some(*target) != last);
        }
        self.turn = self.turn.wrapping_add(1);
        let mut failed = (None, "nobody is in the route".to_owned());
        for offset in 0..targets.len() {
            let target = targets[self.turn.wrapping_add(offset) % targets.len()];
            match Connection::open(target).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = (Some(target), format!("{error:#}")),
            }
        }
        Err(failed)
    }
}
