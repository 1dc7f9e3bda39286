//! `rouse autoscaler`: reports in from everyone who is linked; pods, routes and settings out.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use clap::ValueEnum;
use config::problem::{Problem, Problems};
use parking_lot::Mutex;
use queue_proxy::{Clock, Connections};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::admin::Admin;
use crate::drive::Driver;
use crate::fronts::Fronts;
use crate::link::{self, Hub, Identity, LinkServer};
use crate::listed::{ListedPlatform, NotListed};
use crate::narrate::Narrator;
use crate::process::{self, RunError, Signals, bind, listen, raise_file_limit};
use crate::{exposition, files};

/// How long after the whole second the engine ticks: the reports of that second, which reporters send within
/// [`config::bounds::LINK_SPREAD`] after it, are in by then.
const TICK_OFFSET: Duration = Duration::from_millis(50);

/// What `rouse autoscaler` was asked to do.
#[derive(Debug)]
pub struct AutoscalerOptions {
    /// Where pods live.
    pub platform: PlatformFlag,
    /// Where the pods that are wanted are written.
    pub wishes: Option<PathBuf>,
    /// Where reporters connect.
    pub listen: SocketAddr,
    /// Where the admin port listens.
    pub admin: SocketAddr,
    /// Certificate and key of the port for reporters; without them it is plain.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// How reporters show who they are.
    pub reporter_identity: IdentityFlag,
    /// How long nothing is taken for gone that has not spoken yet.
    pub sync_after: Duration,
}

/// A platform, as a flag names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformFlag {
    /// `static:FILE`: workloads and pods as a file lists them.
    Static(PathBuf),
}

/// How reporters show who they are, as a flag names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum IdentityFlag {
    /// By a token that the cluster bound to their pod
    Token,
    /// By the address that they connect from: that of their pod
    Address,
    /// Whoever reaches the port is believed
    #[default]
    None,
}

impl IdentityFlag {
    /// What it means where pods are listed in a file: there is no cluster whose tokens or addresses could be asked for.
    fn of_listed(self) -> Result<Identity, Problems> {
        let value = match self {
            IdentityFlag::None => return Ok(Identity::None),
            IdentityFlag::Token => "token",
            IdentityFlag::Address => "address",
        };
        Err(Problems(vec![Problem {
            file: String::new(),
            object: String::new(),
            key: "--reporter-identity".to_owned(),
            value: Some(value.to_owned()),
            message: "needs a cluster: with --platform static:FILE only none is allowed".to_owned(),
        }]))
    }
}

impl FromStr for PlatformFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<PlatformFlag, String> {
        match text.split_once(':') {
            Some(("static", file)) if !file.is_empty() => Ok(PlatformFlag::Static(file.into())),
            _ => Err("write static:FILE, where FILE lists workloads and pods".to_owned()),
        }
    }
}

/// Decides until SIGTERM or Ctrl-C, and then ends at once: pods stay, traffic flows, and reporters keep what they have
/// to say for the next one.
///
/// # Errors
/// When the files are wrong, a port is in use, or the operating system refuses something.
pub fn run(options: &AutoscalerOptions) -> Result<(), RunError> {
    process::run(serve(options))
}

async fn serve(options: &AutoscalerOptions) -> Result<(), RunError> {
    let identity = options.reporter_identity.of_listed()?;
    let clock = Clock::wall();
    let PlatformFlag::Static(file) = &options.platform;
    let opened = ListedPlatform::open(file.clone(), options.wishes.clone(), clock);
    let (platform, warnings) = opened.map_err(|error| match error {
        NotListed::BadFile(problems) => RunError::BadInput(problems),
        error @ NotListed::Wishes { .. } => RunError::Failed(error.into()),
    })?;
    for warning in &warnings {
        warn!("{warning}");
    }
    let count = platform.workloads().len();
    if count == 0 {
        warn!("{}", files::NOTHING_TO_SERVE);
    }
    raise_file_limit();
    let mut signals = Signals::new()?;
    let reporters = bind(options.listen, "the port for Links", "choose another with --listen")?;
    let asking = bind(options.admin, "the admin port", "choose another with --admin")?;
    let listen_at = reporters.local_addr().context("the port for Links has no address")?;
    let admin_at = asking.local_addr().context("the admin port has no address")?;
    let tls = options.tls.as_ref().map(|(certificate, key)| link::tls::read(certificate, key)).transpose()?;
    let metrics = exposition::start()?;

    let settings = EngineSettings { tick_offset: TICK_OFFSET, start: StartAs::Zero, reporters: Reporters::Linked };
    let engine = Arc::new(Mutex::new(Engine::new(settings)));
    let hub = Hub::new(clock, RandomState::new().hash_one(()), options.sync_after);
    for workload in platform.workloads() {
        hub.workload(&workload); // before anyone can ask for it
    }
    let (sender, frames) = link::channel();
    let server = LinkServer::new(Arc::clone(&hub), clock, sender, tls, identity);
    let narrator = Narrator::default();
    let driver = Driver {
        platform: Arc::clone(&platform),
        engine: Arc::clone(&engine),
        fronts: Arc::clone(&hub),
        clock,
        frames,
        narrator,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(driver.run());
    tasks.spawn(platform.follow());
    tasks.spawn(Arc::clone(&server).tend());
    tasks.spawn(server.listen(reporters));
    tasks.spawn(listen(Connections::default(), asking, Admin::of_autoscaler(engine, hub, clock, metrics)));
    info!("deciding for {} workloads, reporters at {listen_at} (admin http://{admin_at})", count);

    tokio::select! {
        () = signals.first() => info!("ended"),
        Some(ended) = tasks.join_next() => {
            // None of them ends by itself.
            return Err(RunError::Failed(anyhow::anyhow!("a part of it ended: {ended:?}")));
        }
    }
    tasks.abort_all();
    Ok(())
}
