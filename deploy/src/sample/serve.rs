//! HTTP/1.1 and HTTP/2 without TLS on one port.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::answer;
use super::stats::Stats;

/// What a client that speaks HTTP/2 without asking sends first; no HTTP/1 method begins like it.
const H2_BEGINS: &[u8] = b"PRI ";

/// Serves connections until `stop`, then until those that are open have had their answers.
pub(super) async fn serve(listener: TcpListener, stats: Arc<Stats>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&stats), stop.clone(), connections.clone()));
            }
            // Out of descriptors, most likely: some must close first.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, stats: Arc<Stats>, stop: CancellationToken, tunnels: TaskTracker) {
    stream.set_nodelay(true).ok();
    let is_h2 = tokio::select! {
        is_h2 = speaks_h2(&stream) => is_h2,
        () = stop.cancelled() => return,
    };
    let service = service_fn(move |request| answer(request, Arc::clone(&stats), tunnels.clone()));
    let io = TokioIo::new(stream);
    // A connection that breaks is the client's affair: the app has nobody to tell.
    if is_h2 {
        let connection =
            http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return drop(ended),
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.ok();
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(16 << 10)
            .serve_connection(io, service)
            .with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return drop(ended),
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.ok();
    }
}

/// Looks at the first bytes without taking them.
async fn speaks_h2(stream: &TcpStream) -> bool {
    let mut seen = [0; H2_BEGINS.len()];
    loop {
        match stream.peek(&mut seen).await {
            Ok(len) if len == seen.len() || len == 0 || seen[..len] != H2_BEGINS[..len] => return seen == H2_BEGINS,
            // Part of it: the socket stays readable, so waiting for readiness would spin.
            Ok(_) => sleep(Duration::from_millis(1)).await,
            Err(_) => return false,
        }
    }
}
