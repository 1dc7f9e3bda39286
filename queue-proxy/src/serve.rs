//! Serving: connections in, requests to a [`Handler`].

use std::future::{Future, pending, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use config::bounds;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::handler::{Connection, Handler, answer};
use crate::net::Stream;
use crate::peer::{Direct, Peer};
use crate::preface::{Begun, Preface, sniff};
use crate::stall::{Stalling, Streams};

/// All connections of one or more listeners: how they are served, how many they are and when they have to go.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Door>);

#[derive(Debug)]
struct Door {
    protocols: Arc<Protocols>,
    /// The number of the next connection.
    next: AtomicU64,
    /// Connections with a lower number have to go.
    leaving: AtomicU64,
    /// Connections with a lower number have to go, unless only an activator uses them.
    leaving_direct: AtomicU64,
    stopping: AtomicBool,
    /// Who has to go, or whether all must stop, changed.
    changed: Notify,
    open: AtomicUsize,
    /// Listeners.
    listening: AtomicUsize,
    /// The last connection closed, or the last of an activator, or a listener.
    closed: Notify,
    direct: Mutex<Direct>,
    /// Requests that came from clients rather than from activators.
    direct_requests: AtomicU64,
}

/// A listener of a door, while it listens.
struct Listening<'a>(&'a Door);

impl Listening<'_> {
    fn new(door: &Door) -> Listening<'_> {
        door.listening.fetch_add(1, Ordering::Relaxed);
        Listening(door)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::Release);
        self.0.closed.notify_waiters();
    }
}

/// How HTTP is spoken: large, and the same everywhere.
#[derive(Debug)]
struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
}

impl Default for Protocols {
    fn default() -> Protocols {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(bounds::HEADER_READ_TIME)
            .max_buf_size(bounds::HEADER_BYTES)
            .half_close(false);
        let mut http2 = http2::Builder::new(Streams);
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(bounds::H2_STREAMS)
            .initial_stream_window_size(bounds::H2_STREAM_WINDOW)
            .initial_connection_window_size(bounds::H2_CONNECTION_WINDOW)
            .max_send_buf_size(bounds::H2_SEND_BUFFER)
            .max_header_list_size(bounds::HEADER_BYTES as u32);
        Protocols { http1, http2 }
    }
}

impl Default for Connections {
    fn default() -> Connections {
        Connections::with(Arc::default())
    }
}

impl Connections {
    /// Pause after the operating system refused to hand out a connection (no file descriptors left, mostly).
    const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

    /// Others, that come and go by themselves. Cheaper than [`Connections::default`] where there are very many.
    pub fn others(&self) -> Connections {
        Connections::with(Arc::clone(&self.0.protocols))
    }

    fn with(protocols: Arc<Protocols>) -> Connections {
        Connections(Arc::new(Door {
            protocols,
            next: AtomicU64::new(0),
            leaving: AtomicU64::new(0),
            leaving_direct: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            changed: Notify::new(),
            open: AtomicUsize::new(0),
            listening: AtomicUsize::new(0),
            closed: Notify::new(),
            direct: Mutex::default(),
            direct_requests: AtomicU64::new(0),
        }))
    }

    /// Accepts connections and serves each in a task of its own, until [`Connections::stop`].
    pub async fn listen<H: Handler>(&self, listener: TcpListener, handler: H) {
        let _listening = Listening::new(&self.0);
        let serve = |(stream, address): (TcpStream, SocketAddr)| {
            // Without it answers might wait for acknowledgements; a socket that is gone fails by itself.
            drop(stream.set_nodelay(true));
            tokio::spawn(self.serve(Stream::from(stream), address, handler.clone()));
        };
        loop {
            let changed = self.0.changed.notified();
            if self.0.stopping.load(Ordering::Acquire) {
                break;
            }
            tokio::select! {
                biased;
                () = changed => {}
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => serve(accepted),
                    Err(error) => {
                        tracing::warn!(%error, "Cannot accept a connection");
                        sleep(Self::ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // Whoever is connected already, as far as the kernel is concerned, would find the connection broken. The pause lets
        // the runtime hear of them.
        yield_now().await;
        while let Poll::Ready(Ok(accepted)) = poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await {
            serve(accepted);
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
        let connection = Arc::new(Connection { peer: Peer::new(address, number, self.clone()), handler });
        async move {
            let door = connection.peer.door();
            let preface = {
                let mut sniffing = pin!(sniff(&mut stream));
                tokio::select! {
                    biased;
                    preface = &mut sniffing => preface,
                    () = door.stopping() => match timeout(bounds::LAST_REQUEST, sniffing).await {
                        Ok(preface) => preface,
                        Err(_) => return,
                    },
                }
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

    async fn serve_http1<H: Handler>(&self, stream: Begun, connection: &Arc<Connection<H>>) {
        let stream = Stalling::new(stream, Arc::clone(connection.peer.due()));
        let begun = AtomicBool::new(false);
        let service = service_fn(|request| {
            begun.store(true, Ordering::Relaxed);
            answer(Arc::clone(connection), request)
        });
        let mut http = pin!(self.0.protocols.http1.serve_connection(TokioIo::new(stream), service).with_upgrades());
        tokio::select! {
            biased;
            ended = &mut http => return trace_end(ended),
            () = self.stopping() => http.as_mut().graceful_shutdown(),
        }
        self.to_its_end(http, &begun).await;
    }

    async fn serve_http2<H: Handler>(&self, stream: Begun, connection: &Arc<Connection<H>>) {
        let begun = AtomicBool::new(false);
        let service = service_fn(|request| {
            begun.store(true, Ordering::Relaxed);
            answer(Arc::clone(connection), request)
        });
        let mut http = pin!(self.0.protocols.http2.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            biased;
            ended = &mut http => return trace_end(ended),
            () = self.turned_away(&connection.peer) => http.as_mut().graceful_shutdown(),
        }
        self.to_its_end(http, &begun).await;
    }

    /// Serves what has `begun`. When all stop, a connection that has not brought a whole head yet is not waited for without
    /// end: its client may have left, or never meant to send one.
    async fn to_its_end(&self, http: Pin<&mut impl Future<Output = Result<(), hyper::Error>>>, begun: &AtomicBool) {
        // Boxed, for it runs once, at the end, and every connection would keep room for it.
        let nothing_comes = Box::pin(async {
            self.stopping().await;
            sleep(bounds::LAST_REQUEST).await;
            if begun.load(Ordering::Relaxed) {
                pending().await
            }
        });
        tokio::select! {
            biased;
            ended = http => trace_end(ended),
            () = nothing_comes => tracing::trace!("No whole request has come"),
        }
    }

    /// Turns away the clients of connections that are open now, without failing any: HTTP/1 connections close with their
    /// next response, HTTP/2 ones when their streams are over. Connections on which only an activator has sent requests
    /// stay. New connections are served as ever.
    pub fn turn_direct_away(&self) {
        self.0.leaving_direct.fetch_max(self.0.next.load(Ordering::Relaxed), Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Turns away all connections, activators' too, and those that are still to come.
    pub fn turn_all_away(&self) {
        self.0.leaving.store(u64::MAX, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Takes [`Connections::turn_all_away`] back for connections that come from now on.
    pub fn turn_away_no_more(&self) {
        self.0.leaving.store(self.0.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Stops listening and closes each connection as soon as it has no request. Returns when all are closed. One that has
    /// had none yet has [`bounds::LAST_REQUEST`] to begin it, and as long again to end its head.
    pub async fn stop(&self) {
        self.0.leaving.store(u64::MAX, Ordering::Relaxed);
        self.0.stopping.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
        loop {
            let closed = self.0.closed.notified();
            // In this order: who still listens may accept.
            if self.0.listening.load(Ordering::Acquire) == 0 && self.open() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// Waits until no connection is open on which only activators have sent requests. Cancel-safe.
    pub(crate) async fn activators_gone(&self) {
        loop {
            let closed = self.0.closed.notified();
            if self.direct().activators == 0 {
                return;
            }
            closed.await;
        }
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// How many have come so far.
    pub fn accepted(&self) -> u64 {
        self.0.next.load(Ordering::Relaxed)
    }

    /// Those that come from clients rather than from activators.
    pub fn direct(&self) -> Direct {
        *self.0.direct.lock()
    }

    /// How many requests have come from clients rather than from activators.
    pub fn direct_requests(&self) -> u64 {
        self.0.direct_requests.load(Ordering::Relaxed)
    }

    /// Connections with a number lower than the first have to go; than the second, those that clients use.
    #[inline]
    pub(crate) fn leaving(&self) -> (u64, u64) {
        (self.0.leaving.load(Ordering::Relaxed), self.0.leaving_direct.load(Ordering::Relaxed))
    }

    pub(crate) fn tell_leaving(&self) {
        self.0.changed.notify_waiters();
    }

    #[inline]
    pub(crate) fn direct_request(&self) {
        self.0.direct_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes what is known of who is at the other ends.
    pub(crate) fn change_direct(&self, change: impl FnOnce(&mut Direct)) {
        let mut direct = self.0.direct.lock();
        change(&mut direct);
        if direct.activators == 0 {
            drop(direct);
            self.0.closed.notify_waiters();
        }
    }

    pub(crate) fn closed(&self) {
        if self.0.open.fetch_sub(1, Ordering::Release) == 1 {
            self.0.closed.notify_waiters();
        }
    }

    async fn stopping(&self) {
        self.until(|door| door.stopping.load(Ordering::Acquire)).await;
    }

    async fn turned_away(&self, peer: &Peer) {
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

fn trace_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::trace!(%error, "A connection broke");
    }
}
