//! One request and its answer.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::stats::{InFlight, Stats};
use super::{body, query, served, websocket};

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Bytes in one frame of `?bytes=`.
const FRAME: u64 = 64 << 10;

/// CPU that is burnt before other requests have their turn.
const SLICE: Duration = Duration::from_millis(1);

/// Answers one request. Never fails: what a request asks wrongly is a 400.
pub(super) async fn answer(
    request: Request<Incoming>,
    stats: Arc<Stats>,
    tunnels: TaskTracker,
) -> Result<Response<Body>, Infallible> {
    match request.uri().path() {
        "/stats" => {
            let json = serde_json::to_string(&stats.snapshot()).unwrap_or_default();
            let mut response = text(StatusCode::OK, json);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return Ok(response);
        }
        "/ids" => return Ok(text(StatusCode::OK, stats.ids())),
        _ => {}
    }
    let in_flight = Arc::new(stats.begin());
    let response = match asked(request, &stats, &in_flight, &tunnels).await {
        Ok(response) => response,
        Err(wrong) => text(StatusCode::BAD_REQUEST, format!("{wrong}\n")),
    };
    Ok(response.map(|body| Counted { body, _in_flight: in_flight }.boxed_unsync()))
}

/// What the query and the path ask for. Bodies that go through as they come are served when they begin, all others when
/// they have come in whole: a request whose body is cut was not served.
async fn asked(
    request: Request<Incoming>,
    stats: &Stats,
    in_flight: &Arc<InFlight>,
    tunnels: &TaskTracker,
) -> Result<Response<Body>, String> {
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    if matches!(uri.path(), "/echo" | "/ws") {
        stats.served(served::id(&uri, request.headers()));
        busy(query, stats).await?;
        let is_echo = uri.path() == "/echo";
        return Ok(if is_echo { echo(request) } else { websocket::accept(request, Arc::clone(in_flight), tunnels) });
    }
    let (head, body) = request.into_parts();
    let seen = body::read(body).await.map_err(|error| format!("the body was cut: {error}"))?;
    stats.served(served::id(&uri, &head.headers));
    busy(query, stats).await?;
    let mut response = made(uri.path(), query, stats)?;
    seen.tell(response.headers_mut());
    Ok(response)
}

/// Passes time, and uses CPU, as asked.
async fn busy(query: &str, stats: &Stats) -> Result<(), String> {
    if !stats.takes().is_zero() {
        sleep(stats.takes()).await;
    }
    if let Some(time) = duration_of(query, "sleep")? {
        sleep(time).await;
    }
    if let Some(time) = duration_of(query, "cpu")? {
        burn(time).await;
    }
    Ok(())
}

/// The answer that needs nothing more of the request.
fn made(path: &str, query: &str, stats: &Stats) -> Result<Response<Body>, String> {
    match path {
        "/stream" => {
            let every = duration_of(query, "every")?.unwrap_or(Duration::from_millis(100));
            let count = query::value(query, "count").map_or(Ok(10), query::size)?;
            return Ok(Response::new(chunks(every, count)));
        }
        "/fail" => {
            let status = query::value(query, "status").unwrap_or("500");
            let status = status.parse().map_err(|_| format!("{status:?} is not a status"))?;
            return Ok(text(status, "failing as asked\n"));
        }
        "/crash" => {
            eprintln!("crashing as asked");
            std::process::exit(1);
        }
        _ => {}
    }
    if let Some(bytes) = query::value(query, "bytes") {
        return Ok(filled(query::size(bytes)?));
    }
    Ok(text(StatusCode::OK, format!("hello from {} pod {}\n", stats.name(), std::process::id())))
}

fn duration_of(query: &str, key: &str) -> Result<Option<Duration>, String> {
    query::value(query, key).map(crate::flag::duration).transpose()
}

/// Uses `time` of one core, a slice at a time, so that requests share the core as threads would.
async fn burn(time: Duration) {
    let mut left = time;
    while !left.is_zero() {
        let started = cpu_time();
        let slice = left.min(SLICE);
        while cpu_time().saturating_sub(started) < slice {
            std::hint::spin_loop();
        }
        left = left.saturating_sub(cpu_time().saturating_sub(started));
        tokio::task::yield_now().await;
    }
}

/// CPU time of this thread: unlike the time of day, it stands still while others have the core.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The body as it comes, trailers included, and every header of the request as `echo-NAME`.
fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = Response::new(body.boxed_unsync());
    for (name, value) in &head.headers {
        let mut echoed = String::from("echo-");
        write!(echoed, "{name}").ok();
        if let Ok(echoed) = HeaderName::try_from(echoed) {
            response.headers_mut().append(echoed, value.clone());
        }
    }
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    response
}

/// `count` chunks, `every` apart.
fn chunks(every: Duration, count: u64) -> Body {
    let chunks = stream::iter(0..count).then(move |n| async move {
        if n > 0 {
            sleep(every).await;
        }
        Ok(Frame::data(Bytes::from(format!("{n}\n"))))
    });
    StreamBody::new(chunks).boxed_unsync()
}

/// `len` bytes, made as they are sent.
fn filled(len: u64) -> Response<Body> {
    static BYTES: [u8; FRAME as usize] = [b'x'; FRAME as usize];
    let frames = stream::iter((0..len).step_by(FRAME as usize)).map(move |sent| {
        let size = usize::try_from(FRAME.min(len - sent)).unwrap_or(BYTES.len());
        Ok(Frame::data(Bytes::from_static(&BYTES[..size])))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_LENGTH, len.into());
    response
}

pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A body whose request counts as in flight until it is sent or dropped.
struct Counted {
    body: Body,
    _in_flight: Arc<InFlight>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
