//! An autoscaler's end of Links, as scripts want it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use config::link::{CONTENT_TYPE, Decoder, Down, Encoder, PATH, Reporter, Up};
use config::{PodId, Report, WorkloadId};
use http::{Method, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::Clock;
use queue_proxy::link::LinkSettings;
use queue_proxy::net::{MemoryNetwork, Network};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Long after everything that is waited for.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Where autoscalers listen.
pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9000))
}

pub(crate) fn pod() -> PodId {
    PodId::new("web-1")
}

pub(crate) fn workload() -> WorkloadId {
    "default/web".parse().unwrap()
}

pub(crate) fn settings(network: &MemoryNetwork) -> LinkSettings {
    LinkSettings {
        server: address().to_string(),
        tls: None,
        reporter: Reporter::Pod(pod()),
        workload: Some(workload()),
        address: SocketAddr::from(([10, 0, 0, 7], 8012)),
        clock: Clock::wall(),
        network: Network::Memory(network.clone()),
    }
}

/// An autoscaler that listens.
pub(crate) struct Autoscaler {
    links: mpsc::Receiver<ServerLink>,
    accepting: AbortHandle,
}

/// One stream that a reporter opened.
pub(crate) struct ServerLink {
    up: Incoming,
    decoder: Decoder,
    encoder: Encoder,
    down: mpsc::Sender<Bytes>,
    connection: AbortHandle,
}

impl Autoscaler {
    /// Listens, in place of the one before.
    pub(crate) fn listen(network: &MemoryNetwork) -> Autoscaler {
        let mut listener = network.listen(address());
        let (sender, links) = mpsc::channel(16);
        let accepting = tokio::spawn(async move {
            while let Some(stream) = listener.recv().await {
                serve(stream, sender.clone());
            }
        });
        Autoscaler { links, accepting: accepting.abort_handle() }
    }

    /// The next stream that is opened, and its first words.
    pub(crate) async fn hello(&mut self) -> (ServerLink, Up) {
        let mut link = timeout(DEADLINE, self.links.recv()).await.unwrap().unwrap();
        let hello = link.next().await.expect("the first words");
        assert!(matches!(hello, Up::Hello { .. }), "{hello:?}");
        (link, hello)
    }

    /// The next stream that is opened, after it was welcomed.
    pub(crate) async fn welcome(&mut self, incarnation: u64) -> ServerLink {
        let (mut link, _) = self.hello().await;
        link.say(&Down::Welcome { incarnation, heartbeat: Duration::from_secs(5) }).await;
        link
    }
}

impl Drop for Autoscaler {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves the stream of one connection.
pub(crate) fn serve(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, links: mpsc::Sender<ServerLink>) {
    let (own, handle) = tokio::sync::oneshot::channel::<AbortHandle>();
    let handle = std::sync::Arc::new(tokio::sync::Mutex::new(Some(handle)));
    let service = service_fn(move |request: http::Request<Incoming>| {
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, PATH));
        assert_eq!(request.headers()["content-type"], CONTENT_TYPE);
        let (links, handle) = (links.clone(), handle.clone());
        async move {
            let connection = handle.lock().await.take().expect("one stream a connection").await.unwrap();
            let (down, mut frames) = mpsc::channel::<Bytes>(16);
            let (decoder, encoder) = (Decoder::new(), Encoder::new());
            drop(links.send(ServerLink { up: request.into_body(), decoder, encoder, down, connection }).await);
            let body = futures_util::stream::poll_fn(move |cx| {
                frames.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes))))
            });
            Ok::<_, Infallible>(Response::new(StreamBody::new(body)))
        }
    });
    let task = tokio::spawn(async move {
        let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(http.serve_connection(TokioIo::new(io), service).await);
    });
    own.send(task.abort_handle()).unwrap();
}

impl ServerLink {
    /// The next frame; none when the reporter has said its last.
    pub(crate) async fn next(&mut self) -> Option<Up> {
        timeout(DEADLINE, async {
            loop {
                if let Some(frame) = self.decoder.next_up().unwrap() {
                    return Some(frame);
                }
                match self.up.frame().await {
                    Some(Ok(frame)) => self.decoder.feed(&frame.into_data().unwrap()),
                    Some(Err(_)) | None => return None,
                }
            }
        })
        .await
        .expect("the reporter says something")
    }

    /// Numbers of the next so many reports.
    pub(crate) async fn reports(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            if let Up::Report { report, .. } = self.next().await.expect("a report") {
                numbers.push(report.seq);
            }
        }
        numbers
    }

    /// The next report.
    pub(crate) async fn report(&mut self) -> Report {
        loop {
            if let Up::Report { report, .. } = self.next().await.expect("a report") {
                return report;
            }
        }
    }

    pub(crate) async fn say(&mut self, frame: &Down) {
        let mut bytes = Vec::new();
        self.encoder.down(frame, &mut bytes).unwrap();
        self.say_bytes(bytes).await;
    }

    pub(crate) async fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.down.send(bytes.into()).await.unwrap();
    }

    /// Breaks the connection without a word.
    pub(crate) fn break_off(self) {
        self.connection.abort();
    }
}
