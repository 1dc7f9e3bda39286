//! What every long-running `rouse` needs of the operating system.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use anyhow::{Context, anyhow};
use config::problem::Problems;
use queue_proxy::{Connections, Handler};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

/// Why a process ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The files are wrong; nothing was started.
    #[error(transparent)]
    BadInput(#[from] Problems),
    /// Something failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Runs `serve` to its end, on all processors.
///
/// # Errors
/// Those of `serve`.
pub(crate) fn run<E: From<anyhow::Error>>(serve: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let served = runtime.block_on(serve);
    runtime.shutdown_background(); // whoever still reads a name or a file must not keep us
    served
}

/// Every held request, and every Link, is a socket: as many as the machine allows.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!("cannot raise the limit of open files: {error}");
    }
}

/// Serves what connects to `listener` until `connections` are stopped.
pub(crate) async fn listen<H: Handler>(connections: Connections, listener: TcpListener, handler: H) {
    connections.listen(listener, handler).await;
}

/// Listens at `address`. When it is in use, `advice` says what to do.
pub(crate) fn bind(address: SocketAddr, what: &str, advice: &str) -> anyhow::Result<TcpListener> {
    queue_proxy::net::listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!("{what}: {address} is in use by another process: {advice}"),
        _ => anyhow!("{what}: cannot listen on {address}: {error}"),
    })
}

/// SIGTERM and Ctrl-C.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// The first of either from now on.
    pub(crate) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
