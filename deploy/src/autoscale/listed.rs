//! The autoscaler of a static platform.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use config::problem::{Problem, Problems};
use queue_proxy::Clock;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::AutoscalerOptions;
use super::core::Core;
use crate::external::Port;
use crate::fronts::Fronts;
use crate::link::{self, Identity, ReporterIdentity};
use crate::listed::{ListedPlatform, NotListed};
use crate::narrate::Narrator;
use crate::process::{RunError, Signals, bind, raise_file_limit};
use crate::{exposition, files};

/// Where pods are listed in a file there is no cluster whose tokens or addresses could be asked for.
fn nobody_is_asked(wanted: ReporterIdentity) -> Result<Identity, Problems> {
    if wanted == ReporterIdentity::None {
        return Ok(Identity::None);
    }
    Err(Problems(vec![Problem {
        file: String::new(),
        object: String::new(),
        key: "--reporter-identity".to_owned(),
        value: Some(wanted.to_string()),
        message: "needs a cluster: with --platform static:FILE only none is allowed".to_owned(),
    }]))
}

/// Decides for what `file` lists until a signal.
pub(super) async fn serve(options: &AutoscalerOptions, file: &Path) -> Result<(), RunError> {
    let identity = nobody_is_asked(options.reporter_identity)?;
    let opened = ListedPlatform::open(file.to_owned(), options.wishes.clone(), Clock::wall());
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
    let scaler = options.external_scaler.map(Port::bind).transpose()?;
    let listen_at = reporters.local_addr().context("the port for Links has no address")?;
    let admin_at = asking.local_addr().context("the admin port has no address")?;
    let tls = options.link_files().map(|(certificate, key)| link::tls::read(certificate, key)).transpose()?;
    let metrics = exposition::start()?;

    let core = Core::new(options.sync_after);
    for workload in platform.workloads() {
        core.hub.workload(&workload); // before anyone can ask for it
    }
    let mut tasks = JoinSet::new();
    core.answer(&mut tasks, asking, metrics);
    core.answer_keda(&mut tasks, scaler);
    let fronts = Arc::clone(&core.hub);
    let narrator = Narrator::new(core.hub.wakes());
    core.start(&mut tasks, (&platform, fronts), narrator, reporters, (tls, identity));
    tasks.spawn(platform.follow());
    info!("deciding for {count} workloads, reporters at {listen_at} (admin http://{admin_at})");

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
