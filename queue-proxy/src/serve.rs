//! Serving: connections in, requests to a [`Handler`].

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use config::bounds;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::Body;
use crate::answer::Form;
use crate::headers;
use crate::net::Stream;
use crate::preface::{Preface, sniff};

/// Answers requests.
pub trait Handler: Clone + Send + Sync + 'static {
    /// What lives until the last byte of a forwarded response.
    type Guard: Send + 'static;

    /// Answers `request`, which [`headers::admit`] has brought into its one form. The future is dropped when the client
    /// leaves.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Body<Self::Guard>>> + Send;
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    number: u64,
    direct: AtomicBool,
    door: Connections,
}

impl Peer {
    /// Its address; `0.0.0.0:0` within one process.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes that this connection comes from a client rather than from an activator.
    pub fn note_direct(&self) {
        if !self.direct.load(Ordering::Relaxed) && !self.direct.swap(true, Ordering::Relaxed) {
            let mut direct = self.door.0.direct.lock();
            direct.open += 1;
            direct.last = Some(Instant::now());
        }
    }

    /// Notes that this connection comes from an activator.
    pub fn note_activator(&self) {
        self.door.0.activator_seen.store(true, Ordering::Relaxed);
    }

    /// Whether the client is to be turned away from here with its next response.
    fn is_leaving(&self) -> bool {
        self.number < self.door.0.leaving.load(Ordering::Relaxed)
    }
}

/// Connections that come from clients rather than from activators.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct {
    /// How many are open.
    pub open: u32,
    /// When the last one came.
    pub last: Option<Instant>,
    /// Whether activators have used this listener.
    pub activator_seen: bool,
}

/// All connections of one or more listeners: how they are served, how many they are and when they have to go.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Door>);

#[derive(Debug)]
struct Door {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// The number of the next connection.
    next: AtomicU64,
    /// Connections with a lower number have to go; each number only grows.
    leaving: AtomicU64,
    stopping: AtomicBool,
    /// `leaving` or `stopping` changed.
    changed: Notify,
    open: AtomicUsize,
    /// The last connection closed.
    closed: Notify,
    direct: Mutex<Direct>,
    activator_seen: AtomicBool,
}

impl Default for Connections {
    fn default() -> Connections {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(bounds::HEADER_READ_TIME)
            .max_buf_size(bounds::HEADER_BYTES)
            .half_close(false);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(bounds::H2_STREAMS)
            .initial_stream_window_size(bounds::H2_STREAM_WINDOW)
            .initial_connection_window_size(bounds::H2_CONNECTION_WINDOW)
            .max_send_buf_size(bounds::H2_SEND_BUFFER)
            .max_header_list_size(bounds::HEADER_BYTES as u32);
        Connections(Arc::new(Door {
            http1,
            http2,
            next: AtomicU64::new(0),
            leaving: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            changed: Notify::new(),
            open: AtomicUsize::new(0),
            closed: Notify::new(),
            direct: Mutex::default(),
            activator_seen: AtomicBool::new(false),
        }))
    }
}

impl Connections {
    /// Pause after the operating system refused to hand out a connection (no file descriptors left, mostly).
    const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

    /// Accepts connections and serves each in a task of its own, until [`Connections::stop`].
    pub async fn listen<H: Handler>(&self, listener: TcpListener, handler: H) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.stopping.load(Ordering::Acquire) {
                return;
            }
            tokio::select! {
                biased;
                () = changed => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        // Without it answers might wait for acknowledgements; a socket that is gone fails by itself.
                        drop(stream.set_nodelay(true));
                        tokio::spawn(self.serve(Stream::from(stream), address, handler.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "Cannot accept a connection");
                        sleep(Self::ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    /// Serves one connection until it closes. It counts as open from now on, before the future is first polled.
    pub fn serve<H: Handler>(
        &self,
        mut stream: Stream,
        address: SocketAddr,
        handler: H,
    ) -> impl Future<Output = ()> + Send + use<H> {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let peer = Peer { address, number, direct: AtomicBool::new(false), door: self.clone() };
        let connection = Arc::new(Connection { peer, handler });
        async move {
            let door = &connection.peer.door;
            let preface = tokio::select! {
                biased;
                preface = sniff(&mut stream) => preface,
                () = door.stopping() => return,
            };
            match preface {
                Ok(Preface::Http1(head)) => {
                    // Of a request whose body waits to be read hyper would not notice that its client has left.
                    let left = stream.closed_by_peer();
                    tokio::select! {
                        biased;
                        () = door.serve_http1(head.before(stream), &connection) => {}
                        () = left => tracing::trace!("The client left"),
                    }
                }
                Ok(Preface::Http2(head)) => door.serve_http2(head.before(stream), &connection).await,
                Err(error) => tracing::trace!(%error, "A connection without a request"),
            }
        }
    }

    /// Serves one connection of this process until it closes.
    pub fn serve_memory<H: Handler>(
        &self,
        stream: tokio::io::DuplexStream,
        handler: H,
    ) -> impl Future<Output = ()> + Send + use<H> {
        self.serve(Stream::Memory(stream), SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), handler)
    }

    async fn serve_http1<H: Handler>(&self, stream: crate::preface::Begun, connection: &Arc<Connection<H>>) {
        let service = service_fn(|request| answer(Arc::clone(connection), request));
        let mut http = pin!(self.0.http1.serve_connection(TokioIo::new(stream), service).with_upgrades());
        tokio::select! {
            biased;
            ended = &mut http => return trace_end(ended),
            () = self.stopping() => http.as_mut().graceful_shutdown(),
        }
        trace_end(http.await);
    }

    async fn serve_http2<H: Handler>(&self, stream: crate::preface::Begun, connection: &Arc<Connection<H>>) {
        let service = service_fn(|request| answer(Arc::clone(connection), request));
        let mut http = pin!(self.0.http2.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            biased;
            ended = &mut http => return trace_end(ended),
            () = self.leaving(&connection.peer) => http.as_mut().graceful_shutdown(),
        }
        trace_end(http.await);
    }

    /// Turns the clients of all connections that are open now away, without failing any: HTTP/1 connections close with
    /// their next response, HTTP/2 ones when their streams are over. New connections are served as ever.
    pub fn turn_away(&self) {
        self.0.leaving.fetch_max(self.0.next.load(Ordering::Relaxed), Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Turns away all connections, also those that are still to come.
    pub fn turn_all_away(&self) {
        self.0.leaving.store(u64::MAX, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Takes [`Connections::turn_all_away`] back for connections that come from now on.
    pub fn turn_away_no_more(&self) {
        self.0.leaving.store(self.0.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Stops listening and closes each connection as soon as it has no request. Returns when all are closed.
    pub async fn stop(&self) {
        self.0.leaving.store(u64::MAX, Ordering::Relaxed);
        self.0.stopping.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
        loop {
            let closed = self.0.closed.notified();
            if self.open() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Those that come from clients rather than from activators.
    pub fn direct(&self) -> Direct {
        Direct { activator_seen: self.0.activator_seen.load(Ordering::Relaxed), ..*self.0.direct.lock() }
    }

    async fn stopping(&self) {
        self.until(|door| door.stopping.load(Ordering::Acquire)).await;
    }

    async fn leaving(&self, peer: &Peer) {
        self.until(|_| peer.is_leaving()).await;
    }

    async fn until(&self, is_so: impl Fn(&Door) -> bool) {
        loop {
            let changed = self.0.changed.notified();
            if is_so(&self.0) {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if *self.direct.get_mut() {
            self.door.0.direct.lock().open -= 1;
        }
        if self.door.0.open.fetch_sub(1, Ordering::Release) == 1 {
            self.door.0.closed.notify_waiters();
        }
    }
}

/// A connection that is served.
struct Connection<H> {
    peer: Peer,
    handler: H,
}

/// Not an async fn: it would keep room for its arguments and for what it moves them to.
fn answer<H: Handler>(
    connection: Arc<Connection<H>>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body<H::Guard>>, Infallible>> + Send {
    let version = request.version();
    let admitted = headers::admit(&mut request);
    async move {
        let mut response = match admitted {
            Ok(()) => connection.handler.handle(request, &connection.peer).await,
            Err(refusal) => {
                let mut response = refusal.answer(Form::of(request.headers()));
                close_after(&mut response, version);
                response
            }
        };
        if connection.peer.is_leaving() {
            close_after(&mut response, version);
        }
        Ok(response)
    }
}

/// Closes an HTTP/1 connection with this response.
fn close_after<B>(response: &mut Response<B>, version: Version) {
    if version < Version::HTTP_2 && response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn trace_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::trace!(%error, "A connection broke");
    }
}
