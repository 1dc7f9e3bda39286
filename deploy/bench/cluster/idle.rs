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

/// What was asked of the apiserver in a time in which nothing happened.
pub(super) struct Asked {
    writes: f64,
    reads: f64,
}

impl Asked {
    pub(super) fn is_nothing(&self) -> anyhow::Result<()> {
        ensure!(self.writes == 0.0, "{} writes while nothing happened", self.writes);
        ensure!(self.reads == 0.0, "{} reads while nothing happened", self.reads);
        Ok(())
    }
}

/// Looks for so long at what Rouse's processes ask for, and prints it, and what CPU and memory each of them takes.
pub(super) async fn looked_at(system: &System, what: &str, time: Duration) -> anyhow::Result<Asked> {
    let asking = [system.autoscalers().await?, system.injectors().await?].concat();
    let processes = [asking.clone(), system.activators().await?].concat();
    let before: Vec<(u64, f64)> = processes.iter().map(|process| process.usage()).collect::<Result<_, _>>()?;
    let (writes, reads) = asked(&asking).await?;
    sleep(time).await;
    let (wrote, read) = asked(&asking).await?;
    let asked = Asked { writes: wrote - writes, reads: read - reads };
    for (process, (_, cpu)) in processes.iter().zip(before) {
        let (memory, now) = process.usage()?;
        let share = (now - cpu) / time.as_secs_f64() * 100.0;
        println!("  {}: {share:.2} % of a core, {:.1} MiB", process.pod, memory as f64 / f64::from(1 << 20));
    }
    println!(
        "{what}, {} s: {} writes but the Lease's, {} reads but watches",
        time.as_secs(),
        asked.writes,
        asked.reads
    );
    Ok(asked)
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

    let nothing = looked_at(system, &format!("{count} idle workloads"), time).await?;
    let among = wakes::median(&probe, woken).await?;
    let (one, other) = (among.as_secs_f64() * 1e3, alone.as_secs_f64() * 1e3);
    println!("  a wake among them: {one:.0} ms, alone: {other:.0} ms (median of {woken})");
    for app in apps {
        app.remove().await?;
    }
    probe.remove().await?;
    nothing.is_nothing()
}
