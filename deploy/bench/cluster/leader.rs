//! A second autoscaler takes over; the injector is away; the apiserver stands still.

use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::api::DEPLOYMENTS;
use super::app::App;
use super::judge::Kills;
use super::system::{SYSTEM, System};
use crate::load::{Clients, Load};
use crate::scrape::metric;
use crate::town::Aim;

/// Waits until another than `before` holds the Lease; how long that took, and who.
pub(super) async fn next_leader(system: &System, before: &str) -> anyhow::Result<(Duration, String)> {
    let start = Instant::now();
    let other = async || system.holder().await.is_ok_and(|now| !now.is_empty() && now != before);
    system.api.until("another leads", 60, other).await?;
    Ok(((Instant::now() - start), system.holder().await?))
}

/// After SIGTERM, and when the one that leads stands still, with a Lease of 4 s; nothing is lowered by it.
pub(super) async fn takes_over(system: &System, namespace: &str) -> anyhow::Result<()> {
    system.set_argument("rouse-autoscaler", "--lease-duration", Some("4s")).await?;
    let app = App::new(&system.api, namespace, "led")
        .with("window", "60s")
        .with("max-scale", "3")
        .with("target", "1")
        .with("target-burst-capacity", "-1");
    app.start().await?;
    let mut load = Load::new(app.routes().await?);
    load.add(&Clients { count: 4, aim: Aim::Activators, path: "/echo?sleep=50ms", ..Clients::default() });
    app.until_ready(3, 90).await?;
    sleep(Duration::from_secs(3)).await;

    let (holder, leader) = (system.holder().await?, system.leader().await?);
    system.end(&leader).await?;
    let (ended, _) = next_leader(system, &holder).await?;
    println!("  SIGTERM: another leads after {} ms (1 s)", ended.as_millis());
    ensure!(app.wished().await? == 3, "taking over lowered it");
    system.settled().await?;

    // One that is killed is soon back in its pod, and takes the Lease that bears its name. One that stands still does not.
    let (holder, leader) = (system.holder().await?, system.leader().await?);
    leader.signal(Signal::STOP)?;
    let (stood_still, _) = next_leader(system, &holder).await?;
    println!("  stands still: another leads after {} ms (5 s)", stood_still.as_millis());
    leader.kill()?;
    sleep(Duration::from_secs(8)).await;
    ensure!(app.wished().await? == 3, "taking over lowered it");
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell("a second autoscaler took over twice")?;
    system.set_argument("rouse-autoscaler", "--lease-duration", None).await?;
    app.remove().await
}

/// The injector is away: held requests end with the reason; it is back, and the first wake is not long in coming.
pub(super) async fn injector_away(system: &System, namespace: &str, time: Duration) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "uninjected")
        .with("window", "6s")
        .with("rouse.dev/scale-to-zero-grace-period", "2s");
    app.start().await?;
    let address = app.address().await?;
    let replicas = |count: u32| json!({ "spec": { "replicas": count } });
    system.api.merge(DEPLOYMENTS, SYSTEM, "rouse-injector", &replicas(0)).await?;
    system
        .api
        .until("the injector is away", 60, async || system.injectors().await.is_ok_and(|all| all.is_empty()))
        .await?;
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    let crate::client::Answer { status, reason, .. } = crate::client::get(address, "bench", "/").await?;
    println!("  injector away: {status} {reason:?} after {:.1} s", (Instant::now() - start).as_secs_f64());
    ensure!(status == 503 && reason.as_deref() == Some("admission"), "held requests did not end with the reason");
    sleep(time.saturating_sub(Instant::now() - start)).await;
    system.api.merge(DEPLOYMENTS, SYSTEM, "rouse-injector", &replicas(2)).await?;
    system.settled().await?;
    let back = Instant::now();
    loop {
        let status = crate::client::get(address, "bench", "/").await?.status;
        if status == 200 {
            break;
        }
        ensure!((Instant::now() - back) < Duration::from_secs(60), "no wake after the injector came back");
        sleep(Duration::from_millis(200)).await;
    }
    println!("  first wake {:.1} s after its return (10 s)", (Instant::now() - back).as_secs_f64());
    app.remove().await
}

/// The apiserver stands still: nothing that goes to running pods is lost.
pub(super) async fn apiserver_away(system: &System, namespace: &str, time: Duration) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "serves-on").with("min-scale", "2").with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(2, 60).await?;
    let mut load = Load::new(app.routes().await?);
    let kind = Clients {
        count: 3,
        aim: Aim::Activators,
        path: "/echo?sleep=10ms",
        pause: Duration::from_millis(20),
        ..Clients::default()
    };
    load.add(&Clients { keep_alive: true, ..kind.clone() });
    load.add(&Clients { keep_alive: false, ..kind });
    sleep(Duration::from_secs(2)).await;
    let apiserver = find("kube-apiserver")?;
    kill_process(apiserver, Signal::STOP)?;
    sleep(time).await;
    kill_process(apiserver, Signal::CONT)?;
    sleep(Duration::from_secs(5)).await;
    let verdict = Kills::default().judge(&*load.stop().await);
    verdict.tell(&format!("the apiserver stood still for {} s", time.as_secs()))?;
    system.settled().await?;
    let text = crate::scrape::Scraper::new(system.leader().await?.admin).text("/metrics").await?;
    println!("  reporters linked afterwards: {}", metric(&text, "rouse_links").unwrap_or(0.0));
    app.remove().await
}

/// A process of this machine by its name.
fn find(name: &str) -> anyhow::Result<Pid> {
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let line = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if line.split('\0').next().is_some_and(|program| program.ends_with(name)) {
            return Pid::from_raw(pid).context("no pid");
        }
    }
    anyhow::bail!("no {name} runs on this machine")
}
