//! `rouse activator`: holds and balances requests; all that it knows comes from the autoscaler, by a Link.

mod admin;
mod clients;
mod doors;
mod heard;
mod leave;
mod options;
mod unsaid;

use std::net::SocketAddr;
use std::sync::Arc;

use activator::{Activator, HoldLimits};
use anyhow::Context;
use config::bounds;
use config::link::Reporter;
use queue_proxy::link::{LinkSettings, Tls};
use queue_proxy::net::Network;
use queue_proxy::{Clock, Connections};
use tokio::task::JoinSet;
use tracing::{info, warn};

use admin::ActivatorAdmin;
use clients::Clients;
use doors::Doors;
use heard::{Heard, carry};
pub use options::ActivatorOptions;

use crate::exposition;
use crate::log;
use crate::narrate::Narrator;
use crate::process::{self, RunError, Signals, bind, listen, raise_file_limit};
use crate::wakes::Wakes;

/// Serves until SIGTERM or Ctrl-C, then turns clients away without failing any, finishes what it has and ends. A second
/// signal ends it at once.
///
/// # Errors
/// When a port is in use, or the operating system refuses something.
pub fn run(options: &ActivatorOptions) -> Result<(), RunError> {
    log::start(options.log_format);
    process::run(serve(options))
}

async fn serve(options: &ActivatorOptions) -> Result<(), RunError> {
    raise_file_limit();
    let mut signals = Signals::new()?;
    let gateway = bind(options.listen, "the gateway", "choose another with --listen")?;
    let asking = bind(options.admin, "the admin port", "choose another with --admin")?;
    let listen_at = gateway.local_addr().context("the gateway has no address")?;
    let admin_at = asking.local_addr().context("the admin port has no address")?;
    let metrics = exposition::start()?;
    let clock = Clock::wall();
    let activator = Activator::new(&options.name, clock, HoldLimits::default());
    let (link, down, keep) = queue_proxy::link::open(LinkSettings {
        server: options.autoscaler.clone(),
        tls: tls(options)?,
        reporter: Reporter::Activator(options.name.as_str().into()),
        workload: None,
        address: SocketAddr::new(options.pod_ip.unwrap_or(listen_at.ip()), listen_at.port()),
        clock,
        network: Network::Tcp,
    });
    let heard = Arc::new(Heard::default());
    let (clients, neighbours) = (Clients::new(), Connections::default());
    let doors = Doors::new(listen_at.ip(), &activator, &clients, &link);
    let wakes = Wakes::default();
    let narrator = Narrator::new(wakes.clone());
    let admin = ActivatorAdmin::new(Arc::clone(&activator), Arc::clone(&heard), link.clone(), wakes, metrics);

    let mut tasks = JoinSet::new();
    tasks.spawn(keep);
    tasks.spawn(carry(Arc::clone(&activator), link.clone(), down, Arc::clone(&heard), clock, narrator, doors));
    tasks.spawn(listen(clients.gateway().clone(), gateway, activator.gateway()));
    tasks.spawn(listen(neighbours, asking, admin));
    info!(
        "holding and balancing on http://{listen_at} for the autoscaler at {} (admin http://{admin_at})",
        options.autoscaler
    );

    signals.first().await;
    info!("ending: serving until no client has come for {:?} (a second signal ends at once)", options.drain_quiet);
    heard.end();
    link.leaving();
    let finish = async {
        leave::quiet(&clients, options.drain_quiet).await;
        clients.stop().await;
        activator.emptied().await; // tunnels, which are no connections of `clients` any more
        let mut last = Vec::new();
        activator.take_reports(false, &mut last);
        activator.take_reports(true, &mut last);
        link.say(last);
        heard.workloads().iter().for_each(|id| link.left(id));
        if tokio::time::timeout(bounds::LINK_LAST_WORDS, link.finish()).await.is_err() {
            warn!("the autoscaler did not hear the last of it");
        }
    };
    tokio::select! {
        () = finish => info!("ended"),
        () = signals.first() => warn!("ended at once"),
    }
    tasks.abort_all();
    Ok(())
}

fn tls(options: &ActivatorOptions) -> anyhow::Result<Option<Tls>> {
    let Some(path) = &options.link_ca else { return Ok(None) };
    let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let tls = Tls::trusting(&pem, &options.autoscaler).with_context(|| path.display().to_string())?;
    Ok(Some(match &options.link_token {
        Some(token) => tls.introduced_by(token.clone()),
        None => tls,
    }))
}
