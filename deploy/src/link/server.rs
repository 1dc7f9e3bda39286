//! The port that reporters connect to: HTTP/2, one stream a connection, plain or with TLS.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::bounds;
use config::link::{CONTENT_TYPE, PATH};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use metrics::counter;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::Heard;
use super::down::DownBody;
use super::hub::Hub;
use super::identity::Identity;
use super::outlet::Outlet;
use super::refusals::Refusals;
use super::session::{Caller, Over, SILENCE, Session};
use crate::exposition;

/// Bytes that a reporter may send before they are taken in: its reports of a minute, a few dozen at a time.
const WINDOW: u32 = 64 << 10;

/// The same of the connection, which has but one stream. A large one, because h2 takes many small frames that wait for
/// an attack and ends the connection: when they weigh more than half of this window, each counted as 256 bytes. A report
/// has 30 or more, so that a stream's window full of reports is taken in whatever the driver does.
const CONNECTION_WINDOW: u32 = 16 * WINDOW;

/// How long a link that is over may take to send the last frames to a reporter that may not read them.
const LAST_FRAMES: Duration = Duration::from_secs(1);

/// Pause after the operating system refused to hand out a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves Links.
pub struct LinkServer {
    hub: Arc<Hub>,
    clock: Clock,
    frames: mpsc::Sender<Heard>,
    tls: Option<TlsAcceptor>,
    identity: Identity,
    refusals: Refusals,
    http: http2::Builder<TokioExecutor>,
}

type Answer = Response<Either<DownBody, Empty<Bytes>>>;

/// Where a connection's first stream leaves what is needed to read it.
type Opened = Mutex<Option<oneshot::Sender<(Incoming, Arc<Outlet>)>>>;

impl LinkServer {
    /// A server that passes what reporters say to `frames`, if they show by `identity` who they are; plain without `tls`.
    pub fn new(
        hub: Arc<Hub>,
        clock: Clock,
        frames: mpsc::Sender<Heard>,
        tls: Option<TlsAcceptor>,
        identity: Identity,
    ) -> Arc<LinkServer> {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(2) // one is enough; a second is told so
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(bounds::H2_SEND_BUFFER)
            .max_header_list_size(bounds::HEADER_BYTES as u32);
        Arc::new(LinkServer { hub, clock, frames, tls, identity, refusals: Refusals::default(), http })
    }

    /// Accepts connections and serves them until it is dropped, which ends them all.
    pub async fn listen(self: Arc<LinkServer>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < bounds::LINKS => match accepted {
                    Ok((stream, peer)) => drop(connections.spawn(Arc::clone(&self).accept(stream, peer.ip()))),
                    Err(error) => {
                        warn!("cannot accept a reporter's connection: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Tells the driver of reporters whose Links died, for as long as it listens.
    pub async fn tend(self: Arc<LinkServer>) {
        loop {
            for reporter in self.hub.lost().await {
                counter!(exposition::LINKS_LOST).increment(1);
                let pod = match &reporter {
                    config::link::Reporter::Pod(id) => Some(Heard::Pod(id.clone())),
                    config::link::Reporter::Activator(_) => None,
                };
                for heard in std::iter::once(Heard::Lost(reporter)).chain(pod) {
                    if self.frames.send(heard).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn accept(self: Arc<LinkServer>, stream: TcpStream, peer: IpAddr) {
        drop(stream.set_nodelay(true)); // a socket that is gone fails by itself
        match &self.tls {
            None => self.serve(stream, peer).await,
            Some(tls) => match timeout(SILENCE, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, peer).await,
                Ok(Err(error)) => debug!("a reporter's TLS failed: {error}"),
                Err(_) => debug!("a reporter's TLS took too long"),
            },
        }
    }

    /// Serves one connection, TLS or not, of somebody at `peer`, until its Link is over.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: IpAddr) {
        let (sender, opened) = oneshot::channel();
        let first = Arc::new(Mutex::new(Some(sender)));
        let service = service_fn(move |request| answer(Arc::clone(&first), request));
        let mut http = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let link = async {
            match timeout(SILENCE, opened).await {
                Ok(Ok((said, outlet))) => self.link(said, outlet, peer).await,
                Ok(Err(_)) | Err(_) => debug!("a connection that is no Link"),
            }
        };
        tokio::select! {
            biased; // the connection first: the session reads what it received
            _ended = http.as_mut() => {}
            () = link => {
                http.as_mut().graceful_shutdown();
                drop(timeout(LAST_FRAMES, http).await);
            }
        }
    }

    async fn link(&self, said: Incoming, outlet: Arc<Outlet>, peer: IpAddr) {
        let caller = Caller { identity: self.identity.clone(), peer };
        let (hub, frames) = (Arc::clone(&self.hub), self.frames.clone());
        let mut session = Session::new(hub, self.clock, frames, caller, Arc::clone(&outlet));
        let over = session.read(said).await;
        outlet.close();
        match &over {
            Over::Closed | Over::Broken(_) | Over::Ended | Over::NobodyListens => debug!("a Link is over: {over}"),
            Over::Unwelcome(who, why) => self.refusals.note(who, why),
            Over::Silent | Over::NotALink(_) | Over::Unintroduced => warn!("a Link is cut off: {over}"),
        }
    }
}

/// Opens the Link of a connection, by its first stream that asks for one.
fn answer(first: Arc<Opened>, request: Request<Incoming>) -> impl Future<Output = Result<Answer, Infallible>> + Send {
    let status = match (request.method(), request.uri().path()) {
        (&Method::POST, PATH) => match request.headers().get(header::CONTENT_TYPE) {
            Some(kind) if kind == CONTENT_TYPE => StatusCode::OK,
            _ => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        },
        (_, PATH) => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NOT_FOUND,
    };
    let opens = (status == StatusCode::OK).then(|| first.lock().take());
    let response = match opens {
        Some(Some(sender)) => {
            let outlet = Arc::new(Outlet::default());
            let body = DownBody::new(Arc::clone(&outlet));
            drop(sender.send((request.into_body(), outlet))); // whoever would read it may be gone
            let mut response = Response::new(Either::Left(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
            response
        }
        Some(None) => refused(StatusCode::CONFLICT),
        None => refused(status),
    };
    std::future::ready(Ok(response))
}

fn refused(status: StatusCode) -> Answer {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}
