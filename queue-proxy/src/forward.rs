//! One request, to one app.

use config::{Protocol, bounds};
use http::header::{HOST, UPGRADE};
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{Form, Refusal};
use crate::headers::{MAY_REFUSE, adopt_authority, strip_response};
use crate::replay::Outgoing;
use crate::spare::Spare;
use crate::upstream::{Exchange, SendError, Upstream};
use crate::{Body, Deadlines};

/// Frames of a refusal's body that are read.
const REFUSAL_FRAMES: u32 = 4;

/// Bytes on their way in one direction of a tunnel.
const TUNNEL_BUFFER: usize = 8 << 10;

/// Who a request is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// An app.
    App,
    /// A pod's own queue-proxy, which may give the request back.
    Pod,
}

/// A request that got no response from the app.
#[derive(Debug)]
pub struct NotForwarded<G, B = Incoming> {
    /// The request's guard.
    pub guard: G,
    /// What went wrong.
    pub cause: Cause,
    /// The request as it came, if the app cannot have seen any of it: it may be tried on another pod.
    pub request: Option<Box<Request<B>>>,
}

/// Why a request got no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No connection could be opened.
    Unreachable,
    /// The connection ended before the response began.
    BrokeOff,
    /// The first byte was not there when it was due.
    TooLate,
    /// The pod gave it back, because it has no slot for it.
    Refused,
}

impl From<SendError> for Cause {
    fn from(error: SendError) -> Cause {
        match error {
            SendError::Connect(_) => Cause::Unreachable,
            SendError::Broken(_) => Cause::BrokeOff,
        }
    }
}

impl Cause {
    /// How to answer the client.
    pub fn refusal(self) -> Refusal {
        match self {
            Cause::Unreachable => Refusal::APP_UNREACHABLE,
            Cause::BrokeOff => Refusal::APP_BROKE_OFF,
            Cause::TooLate => Refusal::REQUEST_TIMEOUT,
            Cause::Refused => Refusal::QUEUE_FULL,
        }
    }
}

/// Sends `request`, as [`crate::headers::admit`] left it, to `recipient` and returns its response; the response's body
/// (or the tunnel that it opens) holds `guard` to its last byte.
///
/// Dropping the future drops the guard at once and breaks the connection off, so that the other side can tell.
///
/// # Errors
/// [`NotForwarded`] when there is no response, with the guard and, if the app cannot have seen it, the request.
pub fn offer<G: Send + 'static>(
    upstream: &Arc<Upstream>,
    request: Request<Outgoing>,
    recipient: Recipient,
    guard: G,
    deadlines: Deadlines,
) -> impl Future<Output = Result<Response<Body<G>>, NotForwarded<G, Outgoing>>> + Send {
    // Not an async fn: it would keep room for its argument and for what it moves it to.
    let mut slot = Some(request);
    async move {
        let request = slot.as_mut().expect("it is put there above");
        let mut outbound = Outbound::prepare(request, upstream);
        let spare = Spare::of(request, outbound.protocol, recipient);
        let sent = match deadlines.first_byte(Instant::now) {
            Some(due) => timeout_at(due, upstream.send(&mut slot, outbound.protocol)).await.map_err(Failed::from),
            None => Ok(upstream.send(&mut slot, outbound.protocol).await),
        };
        let cause = match sent.and_then(|sent| sent.map_err(Failed::from)) {
            Ok((response, exchange)) => match spare.as_ref().and_then(|spare| spare.refused(recipient, &response)) {
                Some(cause) => {
                    if spare.as_ref().is_some_and(Spare::is_sent) {
                        recycle(response, exchange);
                    }
                    cause
                }
                None => {
                    spare.iter().for_each(Spare::settle);
                    return Ok(deliver(response, exchange, outbound.client, guard, &deadlines));
                }
            },
            Err(Failed { cause: Cause::TooLate, .. }) => {
                return Err(NotForwarded { guard, cause: Cause::TooLate, request: None });
            }
            Err(failed) if slot.is_some() => failed.cause,
            Err(Failed { cause, is_unseen: true }) => cause,
            Err(Failed { cause, is_unseen: false }) => return Err(NotForwarded { guard, cause, request: None }),
        };
        // Rather the copy: what was not sent bears marks for its recipient.
        let mut request = spare.and_then(Spare::request).or_else(|| slot.take()).map(Box::new);
        if let Some(request) = &mut request {
            outbound.undo(request);
        }
        Err(NotForwarded { guard, cause, request })
    }
}

/// [`offer`] to an app, for a request that has its place already: held requests are many, and no future on the way down
/// keeps a copy of it.
pub(crate) async fn forward_slot<G: Send + 'static>(
    upstream: &Arc<Upstream>,
    slot: &mut Option<Request<Incoming>>,
    guard: G,
    deadlines: Deadlines,
) -> Result<Response<Body<G>>, NotForwarded<G>> {
    let request = slot.as_mut().expect("there is a request to forward");
    let mut outbound = Outbound::prepare(request, upstream);
    // Written out in both places: a future of its own would keep room for its arguments.
    let sent = match deadlines.first_byte(Instant::now) {
        Some(due) => timeout_at(due, upstream.send(slot, outbound.protocol)).await.map_err(Failed::from),
        None => Ok(upstream.send(slot, outbound.protocol).await),
    };
    match sent.and_then(|sent| sent.map_err(Failed::from)) {
        Ok((response, exchange)) => Ok(deliver(response, exchange, outbound.client, guard, &deadlines)),
        Err(Failed { cause, .. }) => {
            let mut request = slot.take().map(Box::new);
            if let Some(request) = &mut request {
                outbound.undo(request);
            }
            Err(NotForwarded { guard, cause, request })
        }
    }
}

/// Why no response came, and whether the other side says that it did not look at the request.
struct Failed {
    cause: Cause,
    is_unseen: bool,
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Failed {
        Failed { is_unseen: error.is_unseen(), cause: error.into() }
    }
}

impl From<Elapsed> for Failed {
    fn from(_: Elapsed) -> Failed {
        Failed { cause: Cause::TooLate, is_unseen: false }
    }
}

/// The app's response, on its way to the client.
fn deliver<G: Send + 'static>(
    mut response: Response<Incoming>,
    exchange: Exchange,
    client: Option<OnUpgrade>,
    guard: G,
    deadlines: &Deadlines,
) -> Response<Body<G>> {
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(client)) = (response.status(), client) {
        let app = hyper::upgrade::on(&mut response);
        tokio::spawn(tunnel(client, app, guard));
        return response.map(|_| Body::empty());
    }
    strip_response(response.headers_mut());
    // How the app speaks to us says nothing about how we speak to the client.
    *response.version_mut() = Version::HTTP_11;
    response.map(|incoming| Body::forwarded(incoming, exchange, guard, deadlines))
}

/// Reads the little that a refusal says, so that its connection can be used again.
fn recycle(response: Response<Incoming>, exchange: Exchange) {
    let mut body = Body::forwarded(response.into_body(), exchange, (), &Deadlines::default());
    if body.is_end_stream() {
        return; // its end gives the connection back
    }
    tokio::spawn(timeout(bounds::CONNECT_TIME, async move {
        for _ in 0..REFUSAL_FRAMES {
            if !matches!(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await, Some(Ok(_))) {
                return;
            }
        }
    }));
}

/// How a request leaves for the app.
struct Outbound {
    protocol: Protocol,
    /// By which the request came.
    version: Version,
    /// The client's side of a tunnel to be, if the request asks for one.
    client: Option<OnUpgrade>,
}

impl Outbound {
    /// gRPC needs HTTP/2 and a tunnel HTTP/1; all else is as the app likes it.
    fn prepare<B>(request: &mut Request<B>, upstream: &Upstream) -> Outbound {
        let version = request.version();
        let client = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut *request));
        request.headers_mut().remove(MAY_REFUSE);
        let is_http2 = upstream.protocol() == Protocol::H2c || Form::of(request.headers()) == Form::Grpc;
        if is_http2 && client.is_none() {
            address_by_http2(request);
            return Outbound { protocol: Protocol::H2c, version, client };
        }
        *request.version_mut() = Version::HTTP_11;
        Outbound { protocol: Protocol::Http1, version, client }
    }

    /// Brings a request that was not sent back into the form it came in.
    fn undo<B>(&mut self, request: &mut Request<B>) {
        if let Some(client) = self.client.take() {
            request.extensions_mut().insert(client);
        }
        *request.version_mut() = self.version;
        adopt_authority(request);
    }
}

/// Moves Host to where HTTP/2 has it.
fn address_by_http2<B>(request: &mut Request<B>) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.unwrap_or_else(|| Authority::from_static("localhost")));
    // With scheme, authority and path all there a URI is valid; `*` alone is not a path, and becomes one.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| Uri::from_static("http://localhost/"));
}

/// Copies both ways until both sides have closed. No request timer runs any more.
async fn tunnel<G>(client: OnUpgrade, app: OnUpgrade, guard: G) {
    if let (Ok(client), Ok(app)) = tokio::join!(client, app) {
        let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
        // An error is one side that broke off; the other is closed with it.
        drop(copy_bidirectional_with_sizes(&mut client, &mut app, TUNNEL_BUFFER, TUNNEL_BUFFER).await);
    }
    drop(guard);
}
