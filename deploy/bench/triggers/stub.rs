//! A server that answers every query with the same number, and hangs when it is told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const ANSWER: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}"#;

/// Listens for as long as it is there.
pub(super) struct Stub {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    asked: AtomicU64,
    hangs: AtomicBool,
}

impl Stub {
    pub(super) async fn start() -> anyhow::Result<Stub> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, seen) = (listener.local_addr()?, Arc::new(Seen::default()));
        let seen_here = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen_here);
                let service = service_fn(move |_| answer(Arc::clone(&seen)));
                let serving =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        Ok(Stub { address, seen, task })
    }

    /// How many requests came.
    pub(super) fn asked(&self) -> u64 {
        self.seen.asked.load(Ordering::Relaxed)
    }

    /// From now on it takes requests and answers none.
    pub(super) fn hang(&self) {
        self.seen.hangs.store(true, Ordering::Relaxed);
    }
}

async fn answer(seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, Infallible> {
    seen.asked.fetch_add(1, Ordering::Relaxed);
    if seen.hangs.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    Ok(Response::new(Full::from(ANSWER)))
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}
