//! One autoscaler with very many workloads: what it uses when nothing happens, and when every pod reports each second.
//!
//! Pods exist only by what is said of them. Some have a connection of their own, as queue-proxies have; those without a
//! queue-proxy are spoken for by a few activators, one frame a report, encoded here and decoded there. CPU and memory are
//! those of the autoscaler's process alone; its reactions, from the moment that a burst is reported until the wish is in
//! the file, also have the clients' work in them where both share processors.

mod reaction;
mod streams;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;
use config::link::Reporter;
use futures_util::future::try_join_all;
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use self::streams::{Counts, Speaker, Stream};
use self::world::Size;
use crate::town::{Autoscaler, Files, Scratch};
use crate::usage::{Since, resident};
use crate::{ms, quantile};

/// Time to read the file, to start, and to come to rest.
const SETTLE: Duration = Duration::from_secs(15);

/// How large, and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the busy part is measured; the idle one takes half of that
    #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "60s")]
    time: Duration,
    /// Workloads
    #[arg(long, default_value_t = 10_000)]
    workloads: usize,
    /// Pods of each workload
    #[arg(long, default_value_t = 5)]
    pods: usize,
    /// Queue-proxies, each with a connection of its own
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    /// Activators, which share the pods that have no queue-proxy
    #[arg(long, default_value_t = 4)]
    activators: usize,
    /// Over how long the reports of one second are spread (what queue-proxies do, unless said otherwise)
    #[arg(long, value_parser = deploy::flag::duration)]
    spread: Option<Duration>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let (idle_cpu, idle_memory) = idle(options.workloads, options.time / 2).await?;
    let all = options.workloads * options.pods;
    let size = Size { workloads: options.workloads, pods: options.pods, proxied: options.connections.min(all) };
    let busy = busy(size, &options).await?;
    println!(
        "scale: idle {:.2} % of a core, {idle_memory:.0} MiB; busy {:.2} cores, {:.0} MiB, {:.2} µs a report, reaction p99 \
         {:.1} ms; streams lost {}, seconds late {}, bursts without reaction {}",
        idle_cpu * 100.0,
        busy.cores,
        busy.memory,
        busy.each.as_secs_f64() * 1e6,
        ms(busy.p99),
        busy.ended,
        busy.late,
        busy.missed
    );
    ensure!(busy.ended == 0, "{} streams were lost", busy.ended);
    ensure!(busy.missed == 0, "{} bursts had no reaction", busy.missed);
    Ok(())
}

/// Cores and MiB of an autoscaler with workloads that nobody asks anything of.
async fn idle(workloads: usize, time: Duration) -> anyhow::Result<(f64, f64)> {
    let (_scratch, autoscaler) = start(Size { workloads, pods: 0, proxied: 0 }).await?;
    sleep(SETTLE).await;
    let since = Since::now(autoscaler.pid()?)?;
    sleep(time).await;
    let (cores, memory) = (since.cpu()?.1, resident(autoscaler.pid()?)?);
    println!("{workloads} idle workloads: {:.2} % of a core (bar 1 %), {memory:.1} MiB (bar 60 MB)", cores * 100.0);
    Ok((cores, memory))
}

/// What was measured with every pod busy.
struct Busy {
    cores: f64,
    memory: f64,
    each: Duration,
    p99: Duration,
    ended: u64,
    late: u64,
    missed: usize,
}

async fn busy(size: Size, options: &Options) -> anyhow::Result<Busy> {
    let (scratch, autoscaler) = start(size).await?;
    let (counts, clock) = (Arc::new(Counts::default()), Clock::wall());
    let link = autoscaler.link;
    let began = Instant::now();
    let open = |speaker| Stream::open(link, speaker, size, clock, Arc::clone(&counts));
    let mut opened = try_join_all(proxies(size).map(open)).await?;
    // Each is told of every pod that became ready, and must have time to read it.
    sleep(SETTLE / 3).await;
    opened.extend(try_join_all(activators(size, options.activators).map(open)).await?);
    println!("{} streams open after {:.1} s", opened.len(), (Instant::now() - began).as_secs_f64());
    let spread = options.spread.unwrap_or(config::bounds::LINK_SPREAD);
    let mut bursts = Vec::with_capacity(opened.len());
    for stream in opened {
        let (sender, receiver) = mpsc::channel(1);
        bursts.push(sender);
        tokio::spawn(stream.report(spread, receiver));
    }
    bursts.truncate(size.proxied);
    sleep(SETTLE).await;

    let (sent, late) = (counts.sent.load(Ordering::Relaxed), counts.late.load(Ordering::Relaxed));
    let since = Since::now(autoscaler.pid()?)?;
    sleep(options.time / 2).await;
    let (used, cores) = since.cpu()?;
    let reports = counts.sent.load(Ordering::Relaxed) - sent;
    let memory = resident(autoscaler.pid()?)?;
    let each = used / u32::try_from(reports.max(1))?;
    println!(
        "{} workloads, {} pods, each reports each second (spread over {} ms): {reports} reports, {cores:.2} cores (bar 1), {memory:.0} MiB (bar 1024), \
         {:.2} µs of CPU a report",
        size.workloads,
        size.all_pods(),
        spread.as_millis(),
        each.as_secs_f64() * 1e6
    );

    let mut took = reaction::sample(scratch.files().wishes, &bursts, size, Instant::now() + options.time / 2).await?;
    took.sort();
    ensure!(!took.is_empty(), "nothing was sampled");
    let (p50, p99) = (quantile(&took, 0.5), quantile(&took, 0.99));
    println!("{} bursts: report -> wish p50 {:.1} ms, p99 {:.1} ms (bar 100 ms)", took.len(), ms(p50), ms(p99));
    Ok(Busy {
        cores,
        memory,
        each,
        p99,
        ended: counts.ended.load(Ordering::Relaxed),
        late: counts.late.load(Ordering::Relaxed) - late,
        missed: took.iter().filter(|took| **took >= Duration::from_secs(10)).count(),
    })
}

/// A queue-proxy for each pod that has one.
fn proxies(size: Size) -> impl Iterator<Item = Speaker> {
    (0..size.proxied).map(|number| Speaker { reporter: Reporter::Pod(world::pod(number)), pods: number..number + 1 })
}

/// Activators that share the pods without.
fn activators(size: Size, activators: usize) -> impl Iterator<Item = Speaker> {
    let each = (size.all_pods() - size.proxied).div_ceil(activators.max(1));
    (0..activators).map(move |number| {
        let from = (size.proxied + number * each).min(size.all_pods());
        let name = format!("activator-{number}");
        Speaker { reporter: Reporter::Activator(name.into()), pods: from..(from + each).min(size.all_pods()) }
    })
}

async fn start(size: Size) -> anyhow::Result<(Scratch, Autoscaler)> {
    let scratch = Scratch::new()?;
    let files: Files = scratch.files();
    files.write(&world::manifest(size))?;
    let began = Instant::now();
    let autoscaler = Autoscaler::start(&files, scratch.path().to_owned()).await?;
    autoscaler.serves().await?;
    println!(
        "{} workloads and {} pods read after {:.1} s",
        size.workloads,
        size.all_pods(),
        (Instant::now() - began).as_secs_f64()
    );
    Ok((scratch, autoscaler))
}
