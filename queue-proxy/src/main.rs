//! The queue-proxy of one pod, as a process beside it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use queue_proxy::admin::Admin;
use queue_proxy::drain::Cause;
use queue_proxy::net::{Network, listen};
use queue_proxy::settings::Settings;
use queue_proxy::{Clock, Connections, Drain, Front};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Gives memory back after a burst, which glibc does not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// `EX_USAGE`: the environment is wrong; another start would not help.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let settings = match Settings::read(std::env::vars()) {
        Ok(settings) => settings,
        Err(problems) => {
            // Nobody is left to tell that standard error is closed.
            drop(writeln!(io::stderr(), "queue-proxy: {}", problems.join("\nqueue-proxy: ")));
            return ExitCode::from(USAGE);
        }
    };
    tracing_subscriber::fmt().json().with_max_level(settings.level).with_writer(io::stderr).init();
    // One thread is enough for more requests than most pods see, and costs the pod the least.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.context("cannot start").and_then(|runtime| runtime.block_on(run(settings))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "Cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let serving = bind(settings.listen)?;
    let (admin, metrics) = (bind(settings.admin)?, bind(settings.metrics)?);

    let front = Front::new(Network::Tcp, settings.app, &settings.serving, Clock::start());
    let connections = Connections::default();
    let drain = Drain::new(Arc::clone(&front), connections.clone(), settings.drain_quiet);
    let answers = Admin { front: Arc::clone(&front), connections: connections.clone(), drain: Arc::clone(&drain) };
    let neighbours = Connections::default();

    let (namespace, pod) = &settings.pod;
    tracing::info!(listen = %settings.listen, app = %settings.app, namespace, pod, "Serving");
    let told_to_end = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!(namespace, pod, "Draining");
        drain.begin(Cause::Signal);
        // What still comes is served until it is over; then connections close, and the listeners with them.
        drain.done().await;
        connections.stop().await;
    };
    tokio::select! {
        biased;
        () = told_to_end => {}
        ((), (), (), ()) = async {
            tokio::join!(
                connections.listen(serving, Arc::clone(&front)),
                neighbours.listen(admin, answers.clone()),
                neighbours.listen(metrics, answers.clone()),
                watch(&front, &drain),
            )
        } => {}
    }
    // The hook of `/wait-for-drain` hears that it is over.
    neighbours.stop().await;
    tracing::info!(namespace, pod, "Drained");
    Ok(())
}

/// Probes the app for as long as the pod lives.
async fn watch(front: &Front, drain: &Drain) {
    loop {
        front.ready().await;
        drain.app_came_back();
        tracing::info!("The app is ready");
        let error = front.failing().await;
        tracing::warn!(%error, "The app is not ready any more");
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| format!("cannot listen on {address}"))
}
