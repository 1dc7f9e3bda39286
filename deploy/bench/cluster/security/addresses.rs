//! Known by their addresses, reporters are served where they are, and whoever says their names elsewhere is not.

use anyhow::{Context, ensure};
use config::PodId;
use config::link::Reporter;

use super::Target;
use super::port::{Port, Speaker};
use crate::client;
use crate::cluster::app::App;
use crate::cluster::system::System;

const FLAG: &str = "--reporter-identity";

/// The autoscaler asks for addresses meanwhile; `other` has one pod.
pub(super) async fn run(system: &System, app: &App, other: &App) -> anyhow::Result<()> {
    system.set_argument("rouse-autoscaler", FLAG, Some("address")).await?;
    let tried = try_it(system, app, other).await;
    system.set_argument("rouse-autoscaler", FLAG, Some("token")).await?;
    tried
}

async fn try_it(system: &System, app: &App, other: &App) -> anyhow::Result<()> {
    let answer = client::get(app.address().await?, "bench", "/").await?;
    ensure!(answer.status == 200, "it does not wake: {}", answer.status);
    let (port, activators) = (Port::of_leader(system).await?, system.activators().await?);
    let all = (activators.len() + 2) as f64;
    let linked = async || port.metric("rouse_links").await.is_ok_and(|links| links == all);
    system.api.until("all activators and both pods are linked", 30, linked).await?;
    let elsewhere = port.refusals("other-address").await?;
    ensure!(elsewhere == 0.0, "{elsewhere} reporters came from other addresses than theirs");

    let pod = Target::of(other).await?;
    let activator = |name: &str| Speaker { reporter: Reporter::Activator(name.into()), workload: None, token: None };
    let first = activators.first().context("no activator")?;
    let cases = [
        ("the name of a pod, from elsewhere", Speaker::pod(pod.id(), None), "other-address"),
        ("the name of an activator, from elsewhere", activator(&first.pod), "other-address"),
        ("an activator that there is not", activator("stranger"), "no-address"),
        ("a pod that there is not", Speaker::pod(PodId::new("stranger.0"), None), "unnamed"),
    ];
    for (what, speaker, reason) in &cases {
        port.refuses(what, speaker, reason).await?;
    }
    ensure!(linked().await, "somebody lost a Link by it");
    println!("security: by their addresses {all} reporters are served, {} from elsewhere are refused", cases.len());
    Ok(())
}
