//! One request, to one app.

use config::Protocol;
use http::header::{HOST, UPGRADE};
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Form, Refusal};
use crate::headers::{MAY_REFUSE, adopt_authority, strip_response};
use crate::upstream::{SendError, Upstream};
use crate::{Body, Deadlines};

/// Bytes on their way in one direction of a tunnel.
const TUNNEL_BUFFER: usize = 8 << 10;

/// A request that got no response from the app.
#[derive(Debug)]
pub struct NotForwarded<G> {
    /// The request's guard.
    pub guard: G,
    /// What went wrong.
    pub cause: Cause,
    /// The request as it came, if the app cannot have seen any of it: it may be tried on another pod.
    pub request: Option<Box<Request<Incoming>>>,
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
        }
    }
}

/// Sends `request`, as [`crate::headers::admit`] left it, to the app and returns its response; the response's body (or
/// the tunnel that it opens) holds `guard` to its last byte.
///
/// Dropping the future drops the guard at once and breaks the connection to the app off, so that the app can tell.
///
/// # Errors
/// [`NotForwarded`] when there is no response, with the guard and, if the app cannot have seen it, the request.
pub fn forward<G: Send + 'static>(
    upstream: &Arc<Upstream>,
    request: Request<Incoming>,
    guard: G,
    deadlines: Deadlines,
) -> impl Future<Output = Result<Response<Body<G>>, NotForwarded<G>>> + Send {
    // Not an async fn: it would keep room for its argument and for what it moves it to.
    let mut request = Some(request);
    async move { forward_slot(upstream, &mut request, guard, deadlines).await }
}

/// [`forward`], for a request that has its place already: held requests are many, and no future on the way down keeps
/// a copy of it.
pub(crate) async fn forward_slot<G: Send + 'static>(
    upstream: &Arc<Upstream>,
    slot: &mut Option<Request<Incoming>>,
    guard: G,
    deadlines: Deadlines,
) -> Result<Response<Body<G>>, NotForwarded<G>> {
    let request = slot.as_mut().expect("there is a request to forward");
    let Outbound { protocol, client } = Outbound::prepare(request, upstream);
    let sent = match deadlines.first_byte(Instant::now) {
        Some(due) => timeout_at(due, upstream.send(slot, protocol)).await.map_err(|_| Cause::TooLate),
        None => Ok(upstream.send(slot, protocol).await),
    };
    let (mut response, exchange) = match sent.and_then(|sent| sent.map_err(Cause::from)) {
        Ok(sent) => sent,
        Err(cause) => {
            let mut request = slot.take().map(Box::new);
            if let Some(request) = &mut request {
                undo(request, client);
            }
            return Err(NotForwarded { guard, cause, request });
        }
    };
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(client)) = (response.status(), client) {
        let app = hyper::upgrade::on(&mut response);
        tokio::spawn(tunnel(client, app, guard));
        return Ok(response.map(|_| Body::empty()));
    }
    strip_response(response.headers_mut());
    // How the app speaks to us says nothing about how we speak to the client.
    *response.version_mut() = Version::HTTP_11;
    Ok(response.map(|incoming| Body::forwarded(incoming, exchange, guard, &deadlines)))
}

/// How a request leaves for the app.
struct Outbound {
    protocol: Protocol,
    /// The client's side of a tunnel to be, if the request asks for one.
    client: Option<OnUpgrade>,
}

impl Outbound {
    /// gRPC needs HTTP/2 and a tunnel HTTP/1; all else is as the app likes it.
    fn prepare(request: &mut Request<Incoming>, upstream: &Upstream) -> Outbound {
        let client = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut *request));
        request.headers_mut().remove(MAY_REFUSE);
        let is_http2 = upstream.protocol() == Protocol::H2c || Form::of(request.headers()) == Form::Grpc;
        if is_http2 && client.is_none() {
            address_by_http2(request);
            return Outbound { protocol: Protocol::H2c, client };
        }
        *request.version_mut() = Version::HTTP_11;
        Outbound { protocol: Protocol::Http1, client }
    }
}

/// Moves Host to where HTTP/2 has it.
fn address_by_http2(request: &mut Request<Incoming>) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.unwrap_or_else(|| Authority::from_static("localhost")));
    // With scheme, authority and path all there a URI is valid; `*` alone is not a path, and becomes one.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| Uri::from_static("http://localhost/"));
}

/// Brings a request that was not sent back into the form it came in.
fn undo(request: &mut Request<Incoming>, client: Option<OnUpgrade>) {
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    adopt_authority(request);
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
