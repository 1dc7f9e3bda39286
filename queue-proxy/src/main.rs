//! The queue-proxy of one pod, as a process beside it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use config::link::{Down, Reporter};
use queue_proxy::admin::{Admin, Metrics};
use queue_proxy::drain::Cause;
use queue_proxy::link::{self, Link, LinkSettings, PodReports, Tls};
use queue_proxy::net::{Network, listen};
use queue_proxy::settings::{Authorities, Settings, Trust};
use queue_proxy::{Clock, Connections, Drain, Front};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

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
    let (asking, scraping) = (bind(settings.admin)?, bind(settings.metrics)?);

    let front = Front::new(Network::Tcp, settings.app, &settings.serving, Clock::wall());
    let connections = Connections::default();
    let drain = Drain::new(Arc::clone(&front), connections.clone(), settings.drain_quiet);
    let (link, reporting) = reporting(&settings, &front, &connections, &drain)?.unzip();
    let reports = reporting.as_ref().map(|reporting| Arc::clone(&reporting.reports));
    let metrics = Metrics { front: Arc::clone(&front), connections: connections.clone(), link };
    let admin = Admin { metrics: metrics.clone(), drain: Arc::clone(&drain) };
    let neighbours = Connections::default();

    let (namespace, pod) = &settings.pod;
    tracing::info!(listen = %settings.listen, app = %settings.app, namespace, pod, "Serving");
    let told_to_end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(namespace, pod, "Draining");
        drain.begin(Cause::Signal);
        // What still comes is served until it is over; then connections close, and the listeners with them.
        drain.finish().await;
        if let Some(reports) = &reports {
            reports.last_words().await;
        }
    };
    tokio::select! {
        biased;
        () = told_to_end => {}
        _ = async {
            tokio::join!(
                connections.listen(serving, Arc::clone(&front)),
                neighbours.listen(asking, admin.clone()),
                neighbours.listen(scraping, metrics.clone()),
                watch(&front, &drain, reports.as_deref()),
                report(reporting),
            )
        } => {}
    }
    // The hook of `/wait-for-drain` hears that it is over.
    neighbours.stop().await;
    tracing::info!(namespace, pod, "Drained");
    Ok(())
}

/// What must run so that the autoscaler hears of this pod.
struct Reporting {
    reports: Arc<PodReports>,
    said: mpsc::Receiver<Down>,
    driver: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The Link, if there is an autoscaler.
fn reporting(
    settings: &Settings,
    front: &Arc<Front>,
    connections: &Connections,
    drain: &Arc<Drain>,
) -> anyhow::Result<Option<(Link, Reporting)>> {
    let Some(to) = &settings.autoscaler else { return Ok(None) };
    let tls = to.trust.as_ref().map(|trust| tls(trust, &to.server)).transpose()?;
    let (link, said, driver) = link::open(LinkSettings {
        server: to.server.clone(),
        tls,
        reporter: Reporter::Pod(to.pod.clone()),
        workload: to.workload.clone(),
        address: to.address,
        clock: front.clock(),
        network: Network::Tcp,
    });
    let names = (to.workload.clone(), to.pod.clone());
    let front = (Arc::clone(front), settings.serving.clone());
    let reports = PodReports::new(link.clone(), names, front, connections.clone(), Arc::clone(drain));
    Ok(Some((link, Reporting { reports: Arc::new(reports), said, driver: Box::pin(driver) })))
}

fn tls(trust: &Trust, server: &str) -> anyhow::Result<Tls> {
    let tls = match &trust.authorities {
        Authorities::File(path) => {
            let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Tls::trusting(&pem, server).with_context(|| format!("cannot use {}", path.display()))?
        }
        Authorities::Pem(pem) => Tls::trusting(pem.as_bytes(), server).context("cannot use ROUSE_LINK_CA_PEM")?,
    };
    Ok(match &trust.token {
        Some(token) => tls.introduced_by(token.clone()),
        None => tls,
    })
}

/// Keeps the Link and all that goes over it, for as long as the pod lives.
async fn report(reporting: Option<Reporting>) {
    let Some(Reporting { reports, said, driver }) = reporting else { return };
    tokio::join!(driver, reports.say_state(), reports.say_reports(), reports.obey(said));
}

/// Probes the app for as long as the pod lives.
async fn watch(front: &Front, drain: &Drain, reports: Option<&PodReports>) {
    let tell = || reports.into_iter().for_each(PodReports::tell_state);
    loop {
        front.ready().await;
        drain.app_came_back();
        tell();
        tracing::info!("The app is ready");
        let error = front.failing().await;
        tell();
        tracing::warn!(%error, "The app is not ready any more");
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| format!("cannot listen on {address}"))
}
