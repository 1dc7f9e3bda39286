//! A pod in memory: an app, its front, and clients, all in virtual time.

#![allow(dead_code, reason = "each story uses its part")]
#![allow(unreachable_pub, reason = "a module of several test crates")]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use config::Serving;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::net::{MemoryNetwork, Network, Stream};
use queue_proxy::{Clock, Connections, Front};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type AnyBody = BoxBody<Bytes, Error>;

/// Everything of one pod.
pub struct Pod {
    pub network: MemoryNetwork,
    pub front: Arc<Front>,
    pub connections: Connections,
    /// Connections that the app was given.
    pub app_connections: Arc<AtomicUsize>,
}

pub fn app_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

pub fn front_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8012))
}

impl Pod {
    /// A pod with no app yet.
    pub fn without_app(serving: &Serving) -> Pod {
        let network = MemoryNetwork::default();
        let front = Front::new(Network::Memory(network.clone()), app_address(), serving, Clock::start());
        let connections = Connections::default();
        let mut listener = network.listen(front_address());
        let (door, handler) = (connections.clone(), Arc::clone(&front));
        tokio::spawn(async move {
            while let Some(stream) = listener.recv().await {
                tokio::spawn(door.serve_memory(stream, Arc::clone(&handler)));
            }
        });
        Pod { network, front, connections, app_connections: Arc::default() }
    }

    /// A pod whose app answers each request with `answer`, over HTTP/1 or, if the client begins so, HTTP/2.
    pub fn with_app<F>(
        serving: &Serving,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Pod
    where
        F: Future<Output = Response<AnyBody>> + Send + 'static,
    {
        let pod = Pod::without_app(serving);
        pod.run_app(answer);
        pod
    }

    pub fn run_app<F>(&self, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static)
    where
        F: Future<Output = Response<AnyBody>> + Send + 'static,
    {
        let mut listener = self.network.listen(app_address());
        let count = Arc::clone(&self.app_connections);
        tokio::spawn(async move {
            while let Some(stream) = listener.recv().await {
                count.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let response = answer(request);
                        async move { Ok::<_, Infallible>(response.await) }
                    });
                    match sniff(stream).await {
                        (true, io) => drop(
                            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                                .serve_connection(TokioIo::new(io), service)
                                .await,
                        ),
                        (false, io) => drop(
                            hyper::server::conn::http1::Builder::new()
                                .serve_connection(TokioIo::new(io), service)
                                .with_upgrades()
                                .await,
                        ),
                    }
                });
            }
        });
    }

    /// A pod whose app is `script`: it is given each connection as it is.
    pub fn with_raw_app<F>(serving: &Serving, script: impl Fn(DuplexStream) -> F + Send + 'static) -> Pod
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let pod = Pod::without_app(serving);
        let mut listener = pod.network.listen(app_address());
        let count = Arc::clone(&pod.app_connections);
        tokio::spawn(async move {
            while let Some(stream) = listener.recv().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(script(stream));
            }
        });
        pod
    }

    /// A connection to the front.
    pub async fn connect(&self) -> Stream {
        Network::Memory(self.network.clone()).connect(front_address()).await.expect("the front listens")
    }

    pub async fn http1(&self) -> http1::SendRequest<AnyBody> {
        let io = TokioIo::new(self.connect().await);
        let (sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        sender
    }

    pub async fn http2(&self) -> http2::SendRequest<AnyBody> {
        let io = TokioIo::new(self.connect().await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        sender
    }

    /// One request over a connection of its own.
    pub async fn send(&self, request: Request<AnyBody>) -> Response<Incoming> {
        self.http1().await.send_request(request).await.unwrap()
    }

    /// Writes `bytes` over a connection of its own and reads until it closes.
    pub async fn send_raw(&self, bytes: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    pub fn app_connections(&self) -> usize {
        self.app_connections.load(Ordering::Relaxed)
    }

    /// Waits until nothing is in the app.
    pub async fn settled(&self) {
        tokio::time::timeout(Duration::from_secs(3600), self.front.gate().empty()).await.expect("all requests end");
    }
}

/// Tells whether `stream` begins with the HTTP/2 preface, and gives it back with all its bytes.
async fn sniff(mut stream: DuplexStream) -> (bool, DuplexStream) {
    let mut first = [0; 3];
    let mut read = 0;
    while read < first.len() {
        match stream.read(&mut first[read..]).await.unwrap_or(0) {
            0 => break,
            some => read += some,
        }
    }
    let (mut ours, theirs) = tokio::io::duplex(64 << 10);
    ours.write_all(&first[..read]).await.unwrap();
    let is_http2 = &first == b"PRI";
    tokio::spawn(async move { drop(tokio::io::copy_bidirectional(&mut stream, &mut ours).await) });
    (is_http2, theirs)
}

pub fn get(path: &str) -> Request<AnyBody> {
    Request::get(path).header("host", "hello.localhost").body(empty()).unwrap()
}

pub fn post(path: &str, body: impl Into<Bytes>) -> Request<AnyBody> {
    Request::post(path).header("host", "hello.localhost").body(full(body)).unwrap()
}

pub fn empty() -> AnyBody {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub fn full(bytes: impl Into<Bytes>) -> AnyBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A body of which each item comes when it is sent; an error ends it abruptly.
pub fn stream() -> (tokio::sync::mpsc::Sender<Result<http_body::Frame<Bytes>, Error>>, AnyBody) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
    let frames = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, http_body_util::StreamBody::new(frames).boxed())
}

pub fn data(bytes: &'static str) -> Result<http_body::Frame<Bytes>, Error> {
    Ok(http_body::Frame::data(Bytes::from_static(bytes.as_bytes())))
}

/// All of a body, or its error.
pub async fn text(response: Response<Incoming>) -> Result<String, hyper::Error> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// Reads up to the empty line that ends a head.
pub async fn head(stream: &mut DuplexStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0, "the connection ends within a head");
    }
    head
}

/// What the app was asked, as text: request line and headers, sorted.
pub async fn echo(request: Request<Incoming>) -> Response<AnyBody> {
    let mut lines: Vec<String> =
        request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.insert(0, format!("{} {} {:?}", request.method(), request.uri(), request.version()));
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    lines.push(String::new());
    lines.push(String::from_utf8_lossy(&body).into_owned());
    Response::new(full(lines.join("\n")))
}
