//! `rouse run`: everything of Rouse in one process, for the workloads of some manifests.

mod doors;
mod edits;
mod options;
mod triggers;

use std::sync::Arc;
use std::time::Duration;

use activator::{Activator, HoldLimits};
use anyhow::Context;
use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::Pod;
use config::manifest::{Declared, Manifests};
use parking_lot::Mutex;
use queue_proxy::{Clock, Connections, Front};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::admin::Admin;
use crate::drive::Driver;
use crate::external::{Counted, Port};
use crate::files::Watch;
use crate::local::{LocalPlatform, LocalSettings, adopt_orphans};
use crate::narrate::Narrator;
use crate::process::{self, RunError, Signals, raise_file_limit};
use crate::spans;
use crate::triggers::Keepers;
use crate::{exposition, files, jobs, link, log};
use doors::Doors;
use edits::Served;
pub use options::RunOptions;
use triggers::Triggers;

/// How long after the whole second the engine ticks: the reports of that second, which the Link takes a millisecond
/// after it, are in by then.
const TICK_OFFSET: Duration = Duration::from_millis(50);

/// Serves the workloads until SIGTERM or Ctrl-C, then finishes what is in flight. A second signal ends it at once; the
/// pods then end with it.
///
/// # Errors
/// When the files are wrong, a port is in use, or the operating system refuses something.
pub fn run(options: &RunOptions) -> Result<(), RunError> {
    log::start(options.log_format);
    let (manifests, watch) = Watch::begin(options.files.clone())?;
    Ok(process::run(serve(options, manifests, watch))?)
}

async fn serve(options: &RunOptions, manifests: Manifests, watch: Watch) -> anyhow::Result<()> {
    warn(&manifests);
    prepare();
    let mut signals = Signals::new()?;
    let (gateway, admin_port) = doors::bind_both(options)?;
    // Not what was asked for: port 0 is any.
    let listen = gateway.local_addr().context("the gateway has no address")?;
    let admin_at = admin_port.local_addr().context("the admin port has no address")?;

    let clock = Clock::start();
    let activator = activator(clock, &manifests.workloads);
    let clients = Connections::default();
    let mut doors = Doors::new(options.listen.ip(), &clients, &activator);
    let plan = doors.plan(&manifests.workloads)?;
    let platform = platform(clock, &activator, manifests.workloads.clone())?;
    let settings = EngineSettings { tick_offset: TICK_OFFSET, start: StartAs::Zero, reporters: Reporters::InProcess };
    let engine = Arc::new(Mutex::new(Engine::new(settings)));
    let counted = Counted::new(Arc::clone(&engine), clock);
    let scaler = options.external_scaler.map(Port::bind).transpose()?;
    let metrics = exposition::start()?;
    let (spans, carrying) = spans::open(options.otlp_endpoint.as_ref(), clock)?;

    let mut tasks = JoinSet::new();
    let (sender, frames) = link::channel();
    let heard = sender.clone();
    tasks.spawn(link::carry(Arc::clone(&activator), clock, sender));
    let driver = Driver {
        platform: Arc::clone(&platform),
        engine: Arc::clone(&engine),
        fronts: Arc::clone(&activator),
        clock,
        frames,
        narrator: Narrator::new(platform.wakes().clone()).with_spans(spans).with_counted(counted.clone()),
    };
    tasks.spawn(driver.run());
    if let Some(port) = scaler {
        tasks.spawn(port.serve(counted));
    }

    let asking = Connections::default();
    let objects = Keepers::new(Arc::clone(&engine), heard, clock);
    let told = objects.told().clone();
    let mut triggers = Triggers::new(objects, jobs::Keepers::new(platform.jobs(), clock));
    let admin = Admin::new(engine, Arc::clone(&activator), clock, metrics);
    let admin = admin.with_wakes(platform.wakes()).with_triggers(&told).with_jobs(triggers.jobs());
    let _gateway = doors::listen(&clients, gateway, activator.gateway());
    let _admin = doors::listen(&asking, admin_port, admin);
    doors.set(plan);
    info!("serving {} workloads on http://{listen} (admin http://{admin_at})", manifests.workloads.len());

    triggers.set(triggers.plan(&manifests)?).await;
    let mut served = Served { workloads: manifests.workloads, platform, activator, doors, triggers };
    served.until(watch, &mut signals).await;
    tokio::select! {
        () = served.finish(&clients, carrying) => info!("ended"),
        () = signals.first() => warn!("ended at once"),
    }
    tasks.abort_all();
    Ok(())
}

fn warn(manifests: &Manifests) {
    for warning in &manifests.warnings {
        warn!("{warning}");
    }
    if manifests.workloads.is_empty() && manifests.scaled_jobs.is_empty() {
        warn!("{}", files::NOTHING_TO_SERVE);
    }
}

/// An activator that knows `workloads`.
fn activator(clock: Clock, workloads: &[Declared]) -> Arc<Activator> {
    let activator = Activator::new("rouse", clock, HoldLimits::default());
    for declared in workloads {
        activator.set_workload(&declared.workload);
    }
    activator
}

/// The pods of `workloads`. What becomes of each, `activator` hears at once.
fn platform(clock: Clock, activator: &Arc<Activator>, workloads: Vec<Declared>) -> anyhow::Result<Arc<LocalPlatform>> {
    let executable = std::env::current_exe().context("cannot find out where `rouse` is")?;
    let activator = Arc::clone(activator);
    let on_pod = Box::new(move |pod: &Pod, front: &Arc<Front>| activator.set_pod(pod, front));
    Ok(LocalPlatform::new(LocalSettings::new(executable, clock, on_pod), workloads))
}

/// Asks the operating system for what serving needs.
fn prepare() {
    raise_file_limit();
    if let Err(error) = adopt_orphans() {
        warn!("what a killed pod leaves behind cannot be ended: {error}");
    }
}

impl Served {
    /// Serves, and applies edits, until the first signal.
    async fn until(&mut self, mut watch: Watch, signals: &mut Signals) {
        loop {
            let edited = tokio::select! {
                edited = watch.edited() => edited,
                () = signals.first() => return,
            };
            self.edit(edited.map_err(anyhow::Error::from)).await;
        }
    }

    /// Finishes requests, then ends all pods; and ends all Jobs meanwhile.
    async fn finish(&mut self, clients: &Connections, carrying: spans::Carrying) {
        info!("ending: finishing {} requests (a second signal ends at once)", self.open_requests());
        tokio::join!(self.triggers.stop(), async {
            clients.stop().await;
            self.platform.shutdown().await;
        });
        carrying.finish().await;
    }

    fn open_requests(&self) -> u32 {
        let ids = self.workloads.iter().map(|declared| &declared.workload.id);
        ids.filter_map(|id| self.activator.snapshot(id)).map(|seen| seen.open).sum()
    }
}
