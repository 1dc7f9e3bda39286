//! Wakes from zero through the cluster IP, by phase.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use super::app::App;
use super::system::System;
use crate::{ms, quantile};

/// One wake: how long the first answer took.
pub(super) async fn once(app: &App) -> anyhow::Result<Duration> {
    let asleep = async || {
        app.pods().await.is_ok_and(|pods| pods.is_empty()) && app.wished().await.is_ok_and(|wished| wished == 0)
    };
    app.api.until(&format!("{} is asleep", app.name), 150, asleep).await?;
    sleep(Duration::from_millis(300)).await;
    let address = app.address().await?;
    let start = Instant::now();
    let status = crate::client::get(address, &app.name, "/").await?.status;
    ensure!(status == 200, "a wake was answered {status}");
    Ok(Instant::now() - start)
}

/// The median of so many wakes.
pub(super) async fn median(app: &App, count: usize) -> anyhow::Result<Duration> {
    let mut took = Vec::new();
    for _ in 0..count {
        took.push(once(app).await?);
    }
    took.sort_unstable();
    Ok(quantile(&took, 0.5))
}

/// So many wakes, each with its phases as `rouse explain` has them.
pub(super) async fn run(system: &System, namespace: &str, count: usize) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "wakes")
        .with("window", "6s")
        .with("rouse.dev/scale-to-zero-grace-period", "2s");
    app.start().await?;
    let mut took = Vec::new();
    let mut phases: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for _ in 0..count {
        took.push(once(&app).await?);
        sleep(Duration::from_millis(1500)).await; // the activator tells of it once the first answer began
        let told = system.explain(&format!("{namespace}/Deployment/wakes")).await?;
        let wake = told["wakes"][0].as_object().context("explain knows of no wake")?;
        for phase in wake["phases"].as_array().context("no phases")? {
            let name = phase["phase"].as_str().context("a phase without name")?;
            let seconds = phase["seconds"].as_f64().context("a phase without time")?;
            phases.entry(name.to_owned()).or_default().push(Duration::from_secs_f64(seconds));
        }
    }
    took.sort_unstable();
    println!(
        "{count} wakes through the cluster IP: p50 {:.0} ms, p99 {:.0} ms",
        ms(quantile(&took, 0.5)),
        ms(quantile(&took, 0.99))
    );
    let mut ours = Duration::ZERO;
    for (name, times) in &mut phases {
        times.sort_unstable();
        println!(
            "  {name}: p50 {:.2} ms, p99 {:.2} ms ({} seen)",
            ms(quantile(times, 0.5)),
            ms(quantile(times, 0.99)),
            times.len()
        );
        if ["decided", "sent", "handed-over"].contains(&name.as_str()) {
            ours += quantile(times, 0.5);
        }
    }
    println!(
        "  our own phases: {:.2} ms, {:.1} % of the median wake",
        ms(ours),
        ms(ours) / ms(quantile(&took, 0.5)) * 100.0
    );
    app.remove().await
}
