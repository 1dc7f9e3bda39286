//! Many workloads at zero: nothing is written, reads are watches only, and a wake among them is as quick as alone.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use super::app::App;
use super::system::System;
use super::wakes;
use crate::scrape::metric;

/// Requests that the apiserver counted of the kinds that Rouse uses, by verb.
async fn served(system: &System) -> anyhow::Result<String> {
    let path = http::Request::get("/metrics").body(Vec::new())?;
    system.api.text(path).await.context("the apiserver's metrics")
}

/// Writes to the apiserver that this process counted, but for the Lease's.
async fn written(system: &System) -> anyhow::Result<f64> {
    let mut all = 0.0;
    for process in system.autoscalers().await?.iter().chain(&system.injectors().await?) {
        let text = crate::scrape::Scraper::new(process.admin).text("/metrics").await?;
        let lines =
            text.lines().filter(|line| line.starts_with("rouse_kube_writes_total") && !line.contains("\"lease\""));
        all += metric(&lines.collect::<Vec<_>>().join("\n"), "rouse_kube_writes_total").unwrap_or(0.0);
    }
    Ok(all)
}

/// GET and LIST requests of deployments, pods, services and slices, as the apiserver counted them. (Watches are not.)
fn reads(metrics: &str) -> f64 {
    let kinds = ["deployments", "statefulsets", "endpointslices", "configmaps"];
    let lines = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && kinds.iter().any(|kind| line.contains(&format!("resource=\"{kind}\"")))
            && (line.contains("verb=\"LIST\"") || line.contains("verb=\"GET\""))
            && line.contains("client=\"rouse")
    });
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

pub(super) async fn run(
    system: &System,
    namespace: &str,
    count: usize,
    woken: usize,
    time: Duration,
) -> anyhow::Result<()> {
    let probe = App::new(&system.api, namespace, "probe")
        .with("window", "6s")
        .with("rouse.dev/scale-to-zero-grace-period", "2s");
    probe.start().await?;
    let alone = wakes::median(&probe, woken).await?;
    let started = Instant::now();
    let apps: Vec<App> = (0..count).map(|n| App::new(&system.api, namespace, &format!("idle-{n}"))).collect();
    for app in &apps {
        app.create().await?;
    }
    let routed = async || {
        let slices =
            system.api.list(system.api.slices(), namespace, "endpointslice.kubernetes.io/managed-by=rouse.dev").await;
        let filled = |slice: &serde_json::Value| !super::app::addresses(slice).is_empty();
        slices.is_ok_and(|slices| slices.iter().filter(|slice| filled(slice)).count() > count)
    };
    system.api.until("every workload has a route", 120 + count as u64, routed).await?;
    println!("  {count} workloads with routes after {:.1} s", (Instant::now() - started).as_secs_f64());
    // What is still on its way from making them: events, and the probe's last sleep.
    probe.api.until("probe is asleep", 120, async || probe.pods().await.is_ok_and(|pods| pods.is_empty())).await?;
    sleep(Duration::from_secs(10)).await;

    let processes: Vec<_> = [system.autoscalers().await?, system.activators().await?, system.injectors().await?]
        .into_iter()
        .flatten()
        .collect();
    let before: Vec<(u64, f64)> = processes.iter().map(|process| process.usage()).collect::<Result<_, _>>()?;
    let (writes, read) = (written(system).await?, reads(&served(system).await?));
    sleep(time).await;
    let wrote = written(system).await? - writes;
    let read = reads(&served(system).await?) - read;
    for (process, (_, cpu)) in processes.iter().zip(before) {
        let (memory, now) = process.usage()?;
        let share = (now - cpu) / time.as_secs_f64() * 100.0;
        println!("  {}: {share:.2} % of a core, {:.1} MiB", process.pod, memory as f64 / f64::from(1 << 20));
    }
    println!("{count} idle workloads, {} s: {wrote} writes but the Lease's, {read} reads but watches", time.as_secs());
    let among = wakes::median(&probe, woken).await?;
    let (one, other) = (among.as_secs_f64() * 1e3, alone.as_secs_f64() * 1e3);
    println!("  a wake among them: {one:.0} ms, alone: {other:.0} ms (median of {woken})");
    for app in apps {
        app.remove().await?;
    }
    probe.remove().await?;
    ensure!(wrote == 0.0, "{wrote} writes while nothing happened");
    ensure!(read == 0.0, "{read} reads while nothing happened");
    Ok(())
}
