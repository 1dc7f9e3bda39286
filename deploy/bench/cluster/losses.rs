//! No request is lost: to zero and back, rolling, with processes that end or die.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use super::api::PODS;
use super::app::App;
use super::judge::{Kills, Witness};
use super::system::System;
use crate::load::{Clients, Load, Payload};
use crate::town::Aim;

/// How many requests a pod takes at once.
const LIMIT: u64 = 10;

fn workload(system: &System, namespace: &str, name: &str) -> App {
    App::new(&system.api, namespace, name)
        .with("rouse.dev/container-concurrency", "10")
        .with("target", "10")
        .with("window", "6s")
        .with("max-scale", "4")
        .with("rouse.dev/scale-to-zero-grace-period", "2s")
}

/// Clients with and without keep-alive, all through the Service.
async fn clients(app: &App) -> anyhow::Result<Load> {
    let mut load = Load::new(app.routes().await?);
    let kind = Clients {
        count: 4,
        aim: Aim::Activators,
        path: "/echo?sleep=20ms",
        payloads: &[
            Payload::NONE,
            Payload { bytes: 8 << 10, chunked: false },
            Payload { bytes: 100 << 10, chunked: true },
        ],
        pause: Duration::from_millis(30),
        ..Clients::default()
    };
    load.add(&Clients { keep_alive: true, ..kind.clone() });
    load.add(&Clients { keep_alive: false, ..kind });
    Ok(load)
}

/// Cycles from zero to pods and back.
pub(super) async fn cycles(system: &System, namespace: &str, count: usize) -> anyhow::Result<()> {
    let app = workload(system, namespace, "cycles");
    app.start().await?;
    let load = clients(&app).await?;
    let witness = Witness::of(&app);
    for _ in 0..count {
        load.go();
        sleep(Duration::from_secs(8)).await;
        load.pause();
        app.api.until("cycles is asleep", 120, async || app.pods().await.is_ok_and(|pods| pods.is_empty())).await?;
    }
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell(&format!("{count} cycles to zero and back"))?;
    witness.tell(LIMIT)?;
    no_leaks(system).await?;
    app.remove().await
}

/// Rolling updates: under load, at zero, and while waking.
pub(super) async fn rolling(system: &System, namespace: &str) -> anyhow::Result<()> {
    let mut app = workload(system, namespace, "rolling").with("min-scale", "2");
    app.start().await?;
    app.until_ready(2, 60).await?;
    let load = clients(&app).await?;
    sleep(Duration::from_secs(3)).await;
    let before = app.ready().await?;
    app.roll().await?;
    let rolled = async || {
        app.ready().await.is_ok_and(|now| now.len() >= 2 && now.iter().all(|pod| !before.contains(pod)))
            && app.pods().await.is_ok_and(|now| now.iter().all(|pod| !pod.is_ending))
    };
    app.api.until("all pods are of the new template", 120, rolled).await?;
    sleep(Duration::from_secs(2)).await;
    load.pause();
    app.annotate("autoscaling.knative.dev/min-scale", None).await?;
    app.api.until("rolling is asleep", 120, async || app.pods().await.is_ok_and(|pods| pods.is_empty())).await?;
    app.roll().await?; // at zero
    load.go();
    sleep(Duration::from_millis(300)).await;
    app.roll().await?; // while it wakes
    sleep(Duration::from_secs(10)).await;
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell("rolled under load, at zero and while waking")?;
    no_leaks(system).await?;
    app.remove().await
}

/// Processes end or are killed under load; `rounds` times each.
pub(super) async fn ends(system: &System, namespace: &str, rounds: usize) -> anyhow::Result<()> {
    // An unlimited burst capacity keeps the activators in the path.
    let app = workload(system, namespace, "ends").with("min-scale", "2").with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(2, 60).await?;
    let load = clients(&app).await?;
    let witness = Witness::of(&app);
    sleep(Duration::from_secs(2)).await;
    for _ in 0..rounds {
        let first = system.activators().await?.swap_remove(0);
        system.end(&first).await?;
        sleep(Duration::from_secs(6)).await;
        system.settled().await?;

        system.end(&system.leader().await?).await?;
        sleep(Duration::from_secs(4)).await;
        system.settled().await?;

        system.leader().await?.kill()?;
        sleep(Duration::from_secs(4)).await;
        system.settled().await?;

        let pods = app.ready().await?;
        ensure!(!pods.is_empty(), "no pod to evict");
        app.api.evict(namespace, &pods[0].name).await?;
        sleep(Duration::from_secs(6)).await;
    }
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell("activator and autoscaler ended, autoscaler killed, pod evicted")?;
    witness.tell(LIMIT)?;
    no_leaks(system).await?;
    app.remove().await
}

/// Pods are deleted one after the other while clients come to them by themselves: each app lives until nobody can reach its pod.
pub(super) async fn deleted(system: &System, namespace: &str, rounds: usize) -> anyhow::Result<()> {
    let app = workload(system, namespace, "deleted").with("min-scale", "3").with("target-burst-capacity", "0");
    app.start().await?;
    app.until_ready(3, 60).await?;
    let led_to_pods = async || {
        let (pods, led_to) = (app.ready().await.unwrap_or_default(), app.endpoints().await);
        pods.len() == 3 && led_to.len() == 3 && led_to.iter().all(|to| pods.iter().any(|pod| pod.ip == Some(to.ip())))
    };
    app.api.until("the route leads to the pods", 60, led_to_pods).await?;
    let load = clients(&app).await?;
    sleep(Duration::from_secs(1)).await;
    for _ in 0..rounds {
        let pods = app.ready().await?;
        ensure!(!pods.is_empty(), "no pod to delete");
        app.api.delete(PODS, namespace, &pods[0].name, None).await?;
        sleep(Duration::from_secs(2)).await;
    }
    app.until_ready(3, 60).await?;
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell(&format!("{rounds} pods deleted to which clients come by themselves"))?;
    no_leaks(system).await?;
    app.remove().await
}

/// One of two activators is killed: only what was on it may fail.
pub(super) async fn killed_activator(system: &System, namespace: &str) -> anyhow::Result<()> {
    let app = workload(system, namespace, "killed").with("min-scale", "2").with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(2, 60).await?;
    system.settled().await?;
    app.api.until("both activators are in the route", 30, async || app.endpoints().await.len() == 2).await?;
    let load = clients(&app).await?;
    sleep(Duration::from_secs(3)).await;
    let mut kills = Kills::default();
    let victim = system.activators().await?.swap_remove(0);
    let at = Instant::now();
    victim.kill()?;
    kills.note(at);
    sleep(Duration::from_secs(8)).await;
    let tally = load.stop().await;
    kills.judge(&tally).tell("one of two activators killed")?;
    system.settled().await?;
    app.remove().await
}

async fn no_leaks(system: &System) -> anyhow::Result<()> {
    let leaked = system.leaks().await?;
    ensure!(leaked.is_empty(), "counters that are not back at zero: {}", leaked.join(", "));
    Ok(())
}
