//! Many workloads at zero: nothing is written, reads are watches only, and a wake among them is as quick as alone.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use super::app::App;
use super::system::{Process, System};
use super::wakes;
use crate::scrape::Scraper;

/// What Rouse's processes asked of the apiserver so far, as they count it, but for Leases and for who serves ScaledObjects,
/// which is looked at each minute: writes, and reads other than by watches.
async fn asked(processes: &[Process]) -> anyhow::Result<(f64, f64)> {
    let (mut writes, mut reads) = (0.0, 0.0);
    for process in processes {
        let text = Scraper::new(process.admin).text("/metrics").await?;
        let is_left_out = |line: &str| {
            ["leases", "apiservices", ""].iter().any(|resource| line.contains(&format!("resource=\"{resource}\"")))
        };
        let lines = text.lines().filter(|line| !is_left_out(line));
        for line in lines.filter(|line| line.starts_with("rouse_kube_requests_total{")) {
            let count: f64 = line.rsplit_once(' ').context("no count")?.1.parse()?;
            match () {
                () if line.contains("verb=\"write\"") => writes += count,
                () if line.contains("verb=\"read\"") => reads += count,
                () => {}
            }
        }
    }
    // A count of nothing is no evidence: each of them began by reading.
    ensure!(reads > 0.0, "nobody counts what is asked of the apiserver");
    Ok((writes, reads))
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
    let asking = [system.autoscalers().await?, system.injectors().await?].concat();
    let (writes, reads) = asked(&asking).await?;
    sleep(time).await;
    let (wrote, read) = asked(&asking).await?;
    let (wrote, read) = (wrote - writes, read - reads);
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
