//! The port of the external scaler: gRPC over plain HTTP/2, within a cluster, as KEDA asks by default.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use config::bounds;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::Counted;
use super::answers::Answers;
use crate::process::bind;

/// Pause after the operating system refused to hand out a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How often a silent connection is asked whether there is still somebody: a stream may be silent for days.
const PING: Duration = Duration::from_secs(30);

/// The port.
#[derive(Debug)]
pub struct Port(TcpListener);

impl Port {
    /// Listens.
    ///
    /// # Errors
    /// When the address is in use, or the operating system refuses it.
    pub fn bind(at: SocketAddr) -> anyhow::Result<Port> {
        bind(at, "the external scaler", "choose another with --external-scaler").map(Port)
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.0.local_addr().context("the port of the external scaler has no address")
    }

    /// Answers by what is counted, until it is dropped, which ends all connections.
    pub async fn serve(self, counted: Counted) {
        if let Ok(at) = self.address() {
            info!("KEDA may ask at {at} what is counted");
        }
        let answers = Answers(counted);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.0.accept(), if connections.len() < bounds::SCALER_CONNECTIONS => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(connection(stream, answers.clone()))),
                    Err(error) => {
                        warn!("cannot accept a connection to the external scaler: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn connection(stream: TcpStream, answers: Answers) {
    drop(stream.set_nodelay(true)); // a socket that is gone fails by itself
    let service = service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.answer(request).await) }
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
