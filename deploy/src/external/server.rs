//! The port of the external scaler: gRPC over plain HTTP/2, within a cluster, as KEDA asks by default.

use std::convert::Infallible;
use std::time::Duration;

use config::bounds;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::Queries;

/// Pause after the operating system refused to hand out a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How often a silent connection is asked whether there is still somebody: a stream may be silent for days.
const PING: Duration = Duration::from_secs(30);

/// Serves the external scaler until it is dropped, which ends all connections.
pub async fn serve(listener: TcpListener, queries: Queries) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < bounds::SCALER_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, queries.clone()))),
                Err(error) => {
                    warn!("cannot accept a connection to the external scaler: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, queries: Queries) {
    drop(stream.set_nodelay(true)); // a socket that is gone fails by itself
    let service = service_fn(move |request| {
        let queries = queries.clone();
        async move { Ok::<_, Infallible>(queries.answer(request).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(bounds::SCALER_STREAMS)
        .max_send_buf_size(bounds::H2_SEND_BUFFER)
        .max_header_list_size(bounds::HEADER_BYTES as u32)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        debug!("a connection to the external scaler broke: {error}");
    }
}
