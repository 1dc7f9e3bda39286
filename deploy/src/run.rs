//! `rouse run`: everything of Rouse in one process, for the workloads of some manifests.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activator::{Activator, HoldLimits};
use anyhow::{Context, anyhow};
use autoscaler::{Engine, EngineSettings, StartAs};
use config::manifest::{Declared, Manifests};
use config::problem::Problems;
use parking_lot::Mutex;
use queue_proxy::{Clock, Connections};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::admin::Admin;
use crate::drive::Driver;
use crate::local::{LocalPlatform, LocalSettings, adopt_orphans};
use crate::narrate::Narrator;
use crate::{exposition, files, link};

/// How long after the whole second the engine ticks: the reports of that second, which the Link takes a millisecond
/// after it, are in by then.
const TICK_OFFSET: Duration = Duration::from_millis(50);

/// What `rouse run` was asked to do.
#[derive(Debug)]
pub struct RunOptions {
    /// The manifests.
    pub files: Vec<PathBuf>,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Where the admin port listens.
    pub admin: SocketAddr,
}

/// Why `rouse run` ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The files are wrong; nothing was started.
    #[error(transparent)]
    BadInput(#[from] Problems),
    /// Something failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Serves the workloads until SIGTERM or Ctrl-C, then finishes what is in flight. A second signal ends it at once; the
/// pods then end with it.
///
/// # Errors
/// When the files are wrong, a port is in use, or the operating system refuses something.
pub fn run(options: &RunOptions) -> Result<(), RunError> {
    let manifests = files::read(&options.files)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let served = runtime.block_on(serve(options, manifests));
    runtime.shutdown_background(); // whoever still reads a name or a file must not keep us
    Ok(served?)
}

async fn serve(options: &RunOptions, manifests: Manifests) -> anyhow::Result<()> {
    for warning in &manifests.warnings {
        warn!("{warning}");
    }
    if manifests.workloads.is_empty() {
        warn!("{}", files::NOTHING_TO_SERVE);
    }
    raise_file_limit();
    if let Err(error) = adopt_orphans() {
        warn!("what a killed pod leaves behind cannot be ended: {error}");
    }
    let mut signals = Signals::new()?;
    let doors = Doors::bind(options, &manifests.workloads).await?;
    // Not what was asked for: port 0 is any.
    let listen = doors.gateway.local_addr().context("the gateway has no address")?;
    let admin_at = doors.admin.local_addr().context("the admin port has no address")?;

    let clock = Clock::start();
    let activator = Activator::new("rouse", clock, HoldLimits::default());
    let workloads: Vec<_> = manifests.workloads.iter().map(|declared| declared.workload.clone()).collect();
    for workload in &workloads {
        activator.set_workload(workload);
    }
    let on_pod = {
        let activator = Arc::clone(&activator);
        Box::new(move |pod: &config::Pod, front: &Arc<queue_proxy::Front>| activator.set_pod(pod, front))
    };
    let executable = std::env::current_exe().context("cannot find out where `rouse` is")?;
    let platform = LocalPlatform::new(LocalSettings::new(executable, clock, on_pod), manifests.workloads);
    let settings = EngineSettings { tick_offset: TICK_OFFSET, start: StartAs::Zero };
    let engine = Arc::new(Mutex::new(Engine::new(settings)));
    let metrics = exposition::start()?;

    let mut tasks = JoinSet::new();
    let (sender, frames) = link::channel();
    tasks.spawn(link::carry(Arc::clone(&activator), clock, sender));
    let driver = Driver {
        platform: Arc::clone(&platform),
        engine: Arc::clone(&engine),
        activator: Arc::clone(&activator),
        clock,
        frames,
        narrator: Narrator::default(),
    };
    tasks.spawn(driver.run());

    let clients = Connections::default();
    let asking = Connections::default();
    let admin = Admin::new(engine, Arc::clone(&activator), clock, metrics);
    doors.open(&mut tasks, &clients, &asking, &activator, admin);
    info!("serving {} workloads on http://{listen} (admin http://{admin_at})", workloads.len());

    signals.first().await;
    info!("ending: finishing {} requests (a second signal ends at once)", open_requests(&activator, &workloads));
    let finish = async {
        clients.stop().await;
        platform.shutdown().await;
    };
    tokio::select! {
        () = finish => info!("ended"),
        () = signals.first() => warn!("ended at once"),
    }
    tasks.abort_all();
    Ok(())
}

fn open_requests(activator: &Activator, workloads: &[config::Workload]) -> u32 {
    workloads.iter().filter_map(|workload| activator.snapshot(&workload.id)).map(|seen| seen.open).sum()
}

/// Every held request is a socket: as many as the machine allows.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!("cannot raise the limit of open files: {error}");
    }
}

/// All ports, bound before anything is started, so that one in use is known at once.
struct Doors {
    gateway: TcpListener,
    admin: TcpListener,
    services: Vec<(TcpListener, config::WorkloadId)>,
}

impl Doors {
    async fn bind(options: &RunOptions, workloads: &[Declared]) -> anyhow::Result<Doors> {
        let gateway = bind(options.listen, "the gateway", "choose another with --listen").await?;
        let admin = bind(options.admin, "the admin port", "choose another with --admin").await?;
        let mut services = Vec::new();
        let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
        for declared in workloads {
            for port in &declared.ports {
                if let Some(other) = taken.insert(port.port, &declared.source) {
                    return Err(anyhow!(
                        "{}: Service port {} is also a port of {other}; on one machine each needs its own",
                        declared.source,
                        port.port
                    ));
                }
                let what = format!("{}: Service port {}", declared.source, port.port);
                let address = SocketAddr::new(options.listen.ip(), port.port);
                let listener = bind(address, &what, "change the Service's `port`").await?;
                services.push((listener, declared.workload.id.clone()));
            }
        }
        Ok(Doors { gateway, admin, services })
    }

    fn open(
        self,
        tasks: &mut JoinSet<()>,
        clients: &Connections,
        asking: &Connections,
        activator: &Arc<Activator>,
        admin: Admin,
    ) {
        tasks.spawn(listen(clients.clone(), self.gateway, activator.gateway()));
        for (listener, id) in self.services {
            tasks.spawn(listen(clients.clone(), listener, activator.door(&id)));
        }
        tasks.spawn(listen(asking.clone(), self.admin, admin));
    }
}

async fn listen<H: queue_proxy::Handler>(connections: Connections, listener: TcpListener, handler: H) {
    connections.listen(listener, handler).await;
}

async fn bind(address: SocketAddr, what: &str, advice: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!("{what}: {address} is in use by another process: {advice}"),
        _ => anyhow!("{what}: cannot listen on {address}: {error}"),
    })
}

/// SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
