//! One app: its address, and the connections kept open to it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use config::{Protocol, bounds};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::net::Network;
use crate::replay::{Leaves, Outgoing};

/// One app. Connections are opened when they are needed, kept for [`bounds::IDLE_UPSTREAM_TIME`] and used newest first,
/// so that those of a burst grow old and close.
#[derive(Debug)]
pub struct Upstream {
    network: Network,
    address: SocketAddr,
    protocol: Protocol,
    /// How many idle HTTP/1 connections are kept.
    most_idle: AtomicUsize,
    idle: Mutex<Pool>,
    /// HTTP/2 connections: as few as their streams need.
    shared: Mutex<Vec<Shared>>,
    /// Held by who opens an HTTP/2 connection, so that those who come together share it.
    opening: tokio::sync::Mutex<()>,
    /// When it was last told that a request was broken off.
    told: Mutex<Option<Instant>>,
}

/// Idle HTTP/1 connections.
#[derive(Debug, Default)]
struct Pool {
    /// The newest last.
    idle: Vec<Idle>,
    /// Whether a task closes what is too old.
    is_swept: bool,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<Outgoing>,
    since: Instant,
}

/// An HTTP/2 connection.
#[derive(Clone, Debug)]
struct Shared {
    sender: http2::SendRequest<Outgoing>,
    /// Streams open on it.
    streams: Arc<AtomicU32>,
}

/// One request's use of a connection, until the last byte of its response. Dropping it breaks an HTTP/1 connection off.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// The only one on its connection.
    Http1(http1::SendRequest<Outgoing>, Arc<Upstream>),
    /// One stream of many.
    Http2(Stream),
}

/// A stream of an HTTP/2 connection, counted while it lives.
#[derive(Debug)]
pub(crate) struct Stream(Shared);

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// No connection could be opened.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The connection ended before the response.
    #[error("the connection ended before the response")]
    Broken(#[source] hyper::Error),
}

impl SendError {
    /// Whether the other side says that it has not looked at the request: a stream that it refused, or one beyond the
    /// last that it names as it goes away (RFC 9113, 8.7).
    pub(crate) fn is_unseen(&self) -> bool {
        let SendError::Broken(error) = self else { return false };
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
        source.is_some_and(|error| {
            error.is_remote()
                && (error.is_go_away() || error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM))
        })
    }
}

impl Upstream {
    /// The app at `address`. Nothing is connected yet.
    pub fn new(network: Network, address: SocketAddr, protocol: Protocol, container_concurrency: u32) -> Arc<Upstream> {
        Arc::new(Upstream {
            network,
            address,
            protocol,
            most_idle: AtomicUsize::new(most_idle(container_concurrency)),
            idle: Mutex::default(),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// Where the app is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the app speaks to requests that are not gRPC.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// By which way it is reached.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// No more connections are kept than can be in use at once.
    pub fn set_container_concurrency(&self, container_concurrency: u32) {
        self.most_idle.store(most_idle(container_concurrency), Ordering::Relaxed);
    }

    /// Sends `request`, over a connection that is open already if there is one.
    ///
    /// # Errors
    /// [`SendError`]; `request` is there again if no byte of it was written.
    pub(crate) async fn send<B: Leaves>(
        self: &Arc<Upstream>,
        request: &mut Option<Request<B>>,
        protocol: Protocol,
    ) -> Result<(Response<Incoming>, Exchange), SendError> {
        let open = match protocol {
            Protocol::Http1 => self.take_idle(),
            Protocol::H2c => self.take_shared(),
        };
        if let Some(mut exchange) = open {
            match exchange.send(request).await {
                Ok(response) => return Ok((response, exchange)),
                // The app closed the idle connection as we took it. A fresh one can tell whether the app is gone.
                Err(_) if request.is_some() => {}
                Err(error) => return Err(self.broken(error, "kept")),
            }
        }
        // Boxed, since it is large and rare: every request that is held would hold the room for it.
        let connected = Box::pin(timeout(bounds::CONNECT_TIME, self.connect(protocol))).await;
        let mut exchange = connected.unwrap_or_else(|late| Err(late.into())).map_err(SendError::Connect)?;
        match exchange.send(request).await {
            Ok(response) => Ok((response, exchange)),
            Err(error) => Err(self.broken(error, "new")),
        }
    }

    /// A request got no response on a connection that was `new`, or `kept`. Told once a second at most: where an app dies
    /// there may be thousands.
    #[cold]
    fn broken(&self, error: hyper::Error, connection: &'static str) -> SendError {
        let now = Instant::now();
        let mut told = self.told.lock();
        if told.is_none_or(|told| now - told >= Duration::from_secs(1)) {
            *told = Some(now);
            let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(to = %self.address, connection, %error, why, "A request was broken off before its response");
        }
        drop(told);
        SendError::Broken(error)
    }

    /// Closes the connections that nobody uses: the other side is about to. Those in use end with their responses, or are
    /// kept, as the other side says.
    pub fn close_idle(&self) {
        drop(std::mem::take(&mut self.idle.lock().idle));
        self.shared.lock().retain(|shared| shared.streams.load(Ordering::Relaxed) > 0);
    }

    fn take_idle(self: &Arc<Upstream>) -> Option<Exchange> {
        let mut pool = self.idle.lock();
        let mut at = pool.idle.len();
        let newest = loop {
            at = at.checked_sub(1)?;
            let sender = &pool.idle[at].sender;
            // One that is neither is about to be ready (its connection's task has yet to run): the next one down will do.
            if sender.is_ready() {
                break pool.idle.remove(at);
            }
            if sender.is_closed() {
                pool.idle.remove(at);
            }
        };
        drop(pool);
        let is_fresh = newest.since + bounds::IDLE_UPSTREAM_TIME > Instant::now();
        is_fresh.then(|| Exchange::Http1(newest.sender, Arc::clone(self)))
    }

    fn take_shared(&self) -> Option<Exchange> {
        let shared = self.shared.lock();
        let usable = |shared: &&Shared| {
            !shared.sender.is_closed() && shared.streams.load(Ordering::Relaxed) < bounds::H2_STREAMS_UPSTREAM
        };
        shared.iter().find(usable).cloned().map(|shared| Exchange::Http2(Stream::open(shared)))
    }

    async fn connect(self: &Arc<Upstream>, protocol: Protocol) -> io::Result<Exchange> {
        match protocol {
            Protocol::Http1 => {
                let io = TokioIo::new(self.network.connect(self.address).await?);
                let (sender, connection) = http1::Builder::new()
                    .max_buf_size(bounds::HEADER_BYTES)
                    .handshake(io)
                    .await
                    .map_err(io::Error::other)?;
                // The task ends with the connection: when the app closes it, or its sender is dropped. What went wrong
                // is told to the request that it happens to.
                tokio::spawn(async move { drop(connection.with_upgrades().await) });
                Ok(Exchange::Http1(sender, Arc::clone(self)))
            }
            Protocol::H2c => {
                let _opening = self.opening.lock().await;
                if let Some(opened_meanwhile) = self.take_shared() {
                    return Ok(opened_meanwhile);
                }
                let io = TokioIo::new(self.network.connect(self.address).await?);
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .initial_stream_window_size(bounds::H2_STREAM_WINDOW)
                    .initial_connection_window_size(bounds::H2_CONNECTION_WINDOW)
                    .handshake(io)
                    .await
                    .map_err(io::Error::other)?;
                tokio::spawn(async move { drop(connection.await) });
                let shared = Shared { sender, streams: Arc::default() };
                let mut all = self.shared.lock();
                all.retain(|shared| !shared.sender.is_closed());
                all.push(shared.clone());
                Ok(Exchange::Http2(Stream::open(shared)))
            }
        }
    }

    fn put_idle(self: Arc<Upstream>, sender: http1::SendRequest<Outgoing>) {
        if sender.is_closed() {
            return;
        }
        let since = Instant::now();
        let mut pool = self.idle.lock();
        if pool.idle.len() < self.most_idle.load(Ordering::Relaxed) {
            pool.idle.push(Idle { sender, since });
            // Without a runtime the process is ending, and its connections with it.
            if !pool.is_swept
                && let Ok(runtime) = Handle::try_current()
            {
                pool.is_swept = true;
                runtime.spawn(sweep(Arc::downgrade(&self)));
            }
        }
    }
}

/// Closes connections that are idle for too long, until none is left.
async fn sweep(upstream: Weak<Upstream>) {
    loop {
        sleep(bounds::IDLE_UPSTREAM_TIME / 2).await;
        let Some(upstream) = upstream.upgrade() else { return };
        let now = Instant::now();
        let mut pool = upstream.idle.lock();
        let old = pool.idle.partition_point(|one| one.since + bounds::IDLE_UPSTREAM_TIME <= now);
        let closing: Vec<Idle> = pool.idle.drain(..old).collect();
        let len = pool.idle.len();
        pool.idle.shrink_to(2 * len);
        pool.is_swept = len > 0;
        drop(pool);
        drop(closing);
        if len == 0 {
            return;
        }
    }
}

fn most_idle(container_concurrency: u32) -> usize {
    match container_concurrency as usize {
        0 => bounds::IDLE_UPSTREAM,
        slots => slots.min(bounds::IDLE_UPSTREAM),
    }
}

// === impl Exchange ===

impl Exchange {
    /// Takes the request; puts it back if it was not written.
    async fn send<B: Leaves>(&mut self, slot: &mut Option<Request<B>>) -> Result<Response<Incoming>, hyper::Error> {
        const THERE: &str = "a request is there until it is written";
        let sent = match self {
            Exchange::Http1(sender, _) => sender.try_send_request(slot.take().expect(THERE).map(B::leave)).await,
            Exchange::Http2(stream) => stream.0.sender.try_send_request(slot.take().expect(THERE).map(B::leave)).await,
        };
        sent.map_err(|mut error| {
            *slot = error.take_message().map(|request| request.map(B::come_back));
            error.into_error()
        })
    }

    /// The response is over: the connection may take the next request.
    #[inline]
    pub(crate) fn finish(self) {
        match self {
            Exchange::Http1(sender, upstream) => upstream.put_idle(sender),
            Exchange::Http2(stream) => drop(stream),
        }
    }
}

impl Stream {
    fn open(shared: Shared) -> Stream {
        shared.streams.fetch_add(1, Ordering::Relaxed);
        Stream(shared)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
