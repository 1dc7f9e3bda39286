//! What all sources have in common that ask over HTTP: one client a (server, TLS), one request and its answer, bounded.

mod address;
mod credentials;
#[cfg(any(feature = "source-gcp-storage", feature = "source-kafka"))]
mod token;

use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::metadata::{Endpoint, Tls};
use bytes::Bytes;
use config::bounds;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::cause::{innermost, is_tls};
use super::{Key, OpenError, Pool, Server, Trouble, trust};

pub(super) use self::address::{Address, escaped};
pub(super) use self::credentials::Credentials;
#[cfg(any(feature = "source-gcp-storage", feature = "source-kafka"))]
pub(super) use self::token::{Tokens, form};

/// Connections to one server, as one sort of TLS makes them.
struct Connections(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Asks one server over HTTP/1.1, as one user.
#[derive(Debug)]
pub(super) struct Asker {
    address: Address,
    credentials: Credentials,
    connections: Arc<Connections>,
    server: Arc<Server>,
    timeout: Duration,
    key: Key,
}

/// One request: what comes after the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    pub(super) method: Method,
    /// Path and query, beginning with a slash; empty for the address as it is.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How much of an answer is read.
    pub(super) most: usize,
}

/// What the server answered.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Asker {
    /// Asks the server at `endpoint`; `name` is the parameter that holds it.
    pub(super) fn new(
        (name, endpoint): (&'static str, &Endpoint),
        tls: &Tls,
        credentials: Credentials,
        timeout: Duration,
        pool: &Pool,
    ) -> Result<Asker, OpenError> {
        let (address, login) = Address::read(endpoint.expose()).map_err(|why| OpenError::parameter(name, why))?;
        Asker::at(address, tls, credentials.or_login(login)?, timeout, pool)
    }

    /// Asks the server at `address`.
    pub(super) fn at(
        address: Address,
        tls: &Tls,
        credentials: Credentials,
        timeout: Duration,
        pool: &Pool,
    ) -> Result<Asker, OpenError> {
        let at = Key::new(["http", &address.origin()]).with([trust::key(tls)]);
        let connections = pool.share(at, || Connections::new(&address, tls))?;
        let server = pool.server(&address.server())?;
        let key = at.with([address.path.as_bytes(), credentials.key().as_ref()]);
        Ok(Asker { address, credentials, connections, server, timeout, key })
    }

    /// Asks another address the same, as the same user.
    pub(super) fn elsewhere(&self, address: Address, tls: &Tls, pool: &Pool) -> Result<Asker, OpenError> {
        Asker::at(address, tls, self.credentials.clone(), self.timeout, pool)
    }

    /// Stands for the server, its path, and the user.
    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// Where it asks.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Whom it asks.
    pub(super) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// When a read that begins now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Asks `question`.
    ///
    /// # Errors
    /// What went wrong, for people, with the server's name: there is no answer, or none that says anything.
    pub(super) async fn ask(&self, question: Question, deadline: Instant) -> Result<Page, String> {
        self.server.read(deadline, self.answer(question)).await
    }

    async fn answer(&self, question: Question) -> Result<Page, Trouble> {
        let most = question.most;
        let request = self.request(question)?;
        let response = self.connections.0.request(request).await.map_err(|error| trouble(&error))?;
        let (head, body) = response.into_parts();
        let status = head.status;
        if overloaded(status) {
            return Err(Trouble::Server(format!("answered {status}")));
        }
        if status.is_redirection() {
            let advice = "a redirect, which is not followed: write the address that it leads to";
            return Err(Trouble::Question(format!("answered {status}, {advice}")));
        }
        let body = Limited::new(body, most).collect().await.map_err(|error| match error.downcast_ref() {
            Some(LengthLimitError { .. }) => Trouble::Question(format!("the answer has more than {most} bytes")),
            None => Trouble::Server(format!("the answer broke off: {error}")),
        })?;
        Ok(Page { status: status.as_u16(), body: body.to_bytes() })
    }

    fn request(&self, question: Question) -> Result<Request<Full<Bytes>>, Trouble> {
        let uri = self.credentials.in_query(self.address.url(&question.path));
        // What makes no URL may be a secret in it: it is not shown.
        let request = Request::builder().method(question.method).uri(uri).body(Full::new(question.body));
        let mut request =
            request.map_err(|_| Trouble::Question("the parameters make no URL that can be asked".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, header::HeaderValue::from_static("rouse"));
        headers.extend(question.headers);
        self.credentials.in_headers(headers);
        Ok(request)
    }
}

impl Connections {
    fn new(address: &Address, tls: &Tls) -> Result<Connections, OpenError> {
        let config = if address.is_https() { trust::client_config(tls)? } else { trust::nobody() };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(bounds::SOURCE_CONNECT_TIME));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(bounds::SOURCE_IDLE_TIME)
            .pool_max_idle_per_host(bounds::SOURCE_IDLE)
            .build(connector);
        Ok(Connections(client))
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connections")
    }
}

/// Answers that say: not now, whoever asks for whatever.
fn overloaded(status: StatusCode) -> bool {
    use StatusCode as S;
    matches!(status, S::TOO_MANY_REQUESTS | S::BAD_GATEWAY | S::SERVICE_UNAVAILABLE | S::GATEWAY_TIMEOUT)
}

/// Whose trouble it is that there was no answer. A certificate that one does not trust is a matter of who asks.
fn trouble(error: &hyper_util::client::legacy::Error) -> Trouble {
    let reason = innermost(error);
    match is_tls(error) {
        true => Trouble::Question(format!("no TLS: {reason}")),
        false if error.is_connect() => Trouble::Server(format!("cannot connect: {reason}")),
        false => Trouble::Server(format!("no answer: {reason}")),
    }
}
