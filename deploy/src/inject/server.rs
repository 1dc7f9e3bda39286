//! The port that the apiserver calls: HTTP/1.1 over TLS.
//!
//! HTTP/2 is not offered: an apiserver would send all its questions over one connection to one of the replicas, and wait
//! on it when that is gone.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::bounds;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::webhook::{Subject, Webhook};
use crate::exposition;

/// Pause after the operating system refused to hand out a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How often it is told that nobody trusts our certificate.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Serves a [`Webhook`].
pub struct Server {
    webhook: Webhook,
    tls: TlsAcceptor,
    http: http1::Builder,
    /// Room for bodies.
    room: Semaphore,
    leaving: CancellationToken,
    warned: Mutex<Option<Instant>>,
}

impl Server {
    /// A server with TLS as `tls` says.
    pub fn new(webhook: Webhook, tls: Arc<ServerConfig>) -> Arc<Server> {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(bounds::REVIEW_IDLE).max_buf_size(bounds::HEADER_BYTES);
        Arc::new(Server {
            webhook,
            tls: TlsAcceptor::from(tls),
            http,
            room: Semaphore::new(bounds::REVIEWS_AT_ONCE),
            leaving: CancellationToken::new(),
            warned: Mutex::default(),
        })
    }

    /// Serves until it is `told_to_end`. From then on each connection closes with its next answer, but new ones are served
    /// for [`bounds::REVIEW_LEAVE`], by when the apiserver calls others. Then it is over as soon as all is answered.
    pub async fn serve(self: Arc<Server>, listener: TcpListener, told_to_end: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        tokio::select! {
            never = Arc::clone(&self).accept(&listener, &mut connections) => match never {},
            () = told_to_end => {}
        }
        self.leaving.cancel();
        tokio::select! {
            never = self.accept(&listener, &mut connections) => match never {},
            () = sleep(bounds::REVIEW_LEAVE) => drop(listener),
        }
        let answered = async { while connections.join_next().await.is_some() {} };
        if timeout(bounds::REVIEW_TIME, answered).await.is_err() {
            debug!("whoever still asks is not waited for");
        }
    }

    async fn accept(self: Arc<Server>, listener: &TcpListener, connections: &mut JoinSet<()>) -> Infallible {
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < bounds::REVIEW_CONNECTIONS => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(Arc::clone(&self).connection(stream))),
                    Err(error) => {
                        warn!("cannot accept a connection of the apiserver: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self: Arc<Server>, stream: TcpStream) {
        drop(stream.set_nodelay(true)); // a socket that is gone fails by itself
        let stream = match timeout(bounds::REVIEW_TIME, self.tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.handshake_failed(&error),
            Err(_) => return debug!("a connection's TLS took too long"),
        };
        let service = service_fn(|request| self.answer(request));
        let came_late = self.leaving.is_cancelled();
        let mut http = self.http.clone();
        let mut http = pin!(http.keep_alive(!came_late).serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            biased;
            ended = &mut http => ended,
            // One that came since then serves its one answer.
            () = self.leaving.cancelled(), if !came_late => {
                http.as_mut().graceful_shutdown();
                http.await
            }
        };
        if let Err(error) = ended {
            debug!("a connection of the apiserver broke: {error}");
        }
    }

    /// Who looks whether the port is open sends nothing; who does not trust us says so.
    fn handshake_failed(&self, error: &io::Error) {
        let why = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        let Some(rustls::Error::AlertReceived(alert)) = why else { return debug!("no TLS: {error}") };
        exposition::not_trusted();
        let now = Instant::now();
        let mut warned = self.warned.lock();
        if warned.is_none_or(|last| now >= last + WARN_EVERY) {
            *warned = Some(now);
            warn!(
                "the apiserver does not trust the webhook's certificate ({alert:?}): pods cannot be created until it does"
            );
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let late = |_| text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
        Ok(timeout(bounds::REVIEW_TIME, self.review(request)).await.unwrap_or_else(late))
    }

    async fn review(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(subject) = Subject::at(request.uri().path()) else {
            return text(StatusCode::NOT_FOUND, "there is /pods and /services");
        };
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "POST only");
        }
        let _room = self.room.acquire().await.expect("it is never closed");
        let body = match Limited::new(request.into_body(), bounds::REVIEW_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return text(StatusCode::PAYLOAD_TOO_LARGE, "no object is that large");
            }
            Err(_) => return text(StatusCode::BAD_REQUEST, "the body broke off"),
        };
        match self.webhook.answer(subject, &body) {
            Ok(answer) => respond(StatusCode::OK, "application/json", answer.to_json()),
            Err(error) => text(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n").into_bytes())
}

fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
