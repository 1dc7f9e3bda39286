//! Rouse on a real cluster, which is this machine: every promise tried, one scenario each.
//!
//! Needs KUBECONFIG, the image [`app::IMAGE`] in the cluster, and Rouse installed in it with `--knative-services`
//! and `--keda-objects` (`deploy/e2e/run` sees to all three). Counts fail it, times are printed.

mod adoption;
mod api;
mod app;
mod evictions;
mod idle;
mod idle_triggers;
mod ingress;
mod jobs;
mod judge;
mod knative;
mod leader;
mod limits;
mod losses;
mod redis;
mod roles;
mod security;
mod system;
mod triggers;
mod wakes;
mod withheld;
mod wrong;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use self::api::Api;
use self::system::System;

/// Where scenarios make their workloads.
const NAMESPACE: &str = "rouse-bench";

/// What to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    Wakes,
    Cycles,
    Rolling,
    Ends,
    Deleted,
    KilledActivator,
    Adoption,
    Unlabelled,
    WrongOne,
    Ingress,
    Activation,
    OneAtATime,
    Stateful,
    Knative,
    Triggers,
    Jobs,
    Evictions,
    Idle,
    IdleTriggers,
    TakesOver,
    InjectorAway,
    ApiserverAway,
    BadInput,
    Roles,
    Security,
    /// The last: nothing of Rouse is left after it.
    Uninstall,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The long forms
    #[arg(long)]
    full: bool,
    /// Only these
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// All but these
    #[arg(long, value_delimiter = ',')]
    without: Vec<Scenario>,
    /// The key (RSA, PEM) with which the cluster signs tokens: without it no expired token is tried
    #[arg(long, env = "ROUSE_SA_KEY")]
    sa_key: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let system = System { api: Api::connect().await? };
    system.settled().await.context("Rouse is not installed, or does not run")?;
    system.api.fresh_namespace(NAMESPACE).await?;
    let all = <Scenario as clap::ValueEnum>::value_variants().iter().copied();
    let chosen = all.filter(|one| options.only.is_empty() || options.only.contains(one));
    let mut failed = Vec::new();
    for scenario in chosen.filter(|one| !options.without.contains(one)) {
        let start = Instant::now();
        let ended = one(scenario, &system, &options).await;
        println!(
            "cluster: {scenario:?} {}, {} s",
            if ended.is_ok() { "ok" } else { "FAILED" },
            (Instant::now() - start).as_secs()
        );
        if let Err(error) = ended {
            println!("  {error:#}");
            failed.push(format!("{scenario:?}"));
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    system.api.remove_namespace(NAMESPACE).await
}

async fn one(scenario: Scenario, system: &System, options: &Options) -> anyhow::Result<()> {
    let (namespace, pick) = (NAMESPACE, |short: usize, long: usize| if options.full { long } else { short });
    let seconds = |short: u64, long: u64| Duration::from_secs(if options.full { long } else { short });
    match scenario {
        Scenario::Wakes => wakes::run(system, namespace, pick(3, 20)).await,
        Scenario::Cycles => losses::cycles(system, namespace, pick(1, 10)).await,
        Scenario::Rolling => losses::rolling(system, namespace).await,
        Scenario::Ends => losses::ends(system, namespace, pick(1, 10)).await,
        Scenario::Deleted => losses::deleted(system, namespace, pick(5, 30)).await,
        Scenario::KilledActivator => losses::killed_activator(system, namespace).await,
        Scenario::Adoption => adoption::adopted_and_released(system, namespace).await,
        Scenario::Unlabelled => adoption::unlabelled(system, namespace).await,
        Scenario::WrongOne => adoption::never_the_wrong_one(system, namespace).await,
        Scenario::Ingress => ingress::run(system, namespace, pick(1, 5)).await,
        Scenario::Activation => limits::activation(system, namespace).await,
        Scenario::OneAtATime => limits::one_at_a_time(system, namespace).await,
        Scenario::Stateful => limits::stateful(system, namespace).await,
        Scenario::Knative => knative::run(system, namespace).await,
        Scenario::Triggers => triggers::run(system, namespace).await,
        Scenario::Jobs => jobs::run(system, namespace).await,
        Scenario::Evictions => evictions::run(system, namespace).await,
        Scenario::Idle => idle::run(system, namespace, pick(300, 2000), pick(3, 10), seconds(20, 60)).await,
        Scenario::IdleTriggers => idle_triggers::run(system, namespace, pick(100, 1000), seconds(20, 60)).await,
        Scenario::TakesOver => leader::takes_over(system, namespace).await,
        Scenario::InjectorAway => leader::injector_away(system, namespace, seconds(10, 60)).await,
        Scenario::ApiserverAway => leader::apiserver_away(system, namespace, seconds(15, 60)).await,
        Scenario::BadInput => wrong::run(system, namespace).await,
        Scenario::Roles => roles::run(system, namespace).await,
        Scenario::Security => security::run(system, namespace, options.sa_key.as_deref()).await,
        Scenario::Uninstall => adoption::uninstalled(system, namespace, pick(1, 2)).await,
    }
}
