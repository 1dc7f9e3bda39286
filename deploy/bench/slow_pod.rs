//! A slow pod beside a fast one: which gets how much.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::load::{Clients, Load};
use crate::town::{LIMIT, Manifest, Plan, Town};
use crate::{ms, quantile};

/// The most that the slow one may get, in percent.
const SHARE: f64 = 25.0;

/// Requests at once. Fewer than there are pods cannot be told apart by what is in flight.
const CONCURRENCIES: [usize; 4] = [4, 8, 16, 64];

pub(crate) async fn run(time: Duration, count: u64) -> anyhow::Result<()> {
    let (mut worst, mut lost, mut all) = (0.0_f64, 0, 0);
    for concurrency in CONCURRENCIES {
        let (share, asked, failed) = one(concurrency, count, time / CONCURRENCIES.len() as u32).await?;
        worst = worst.max(share);
        lost += failed;
        all += asked;
    }
    println!("slow-pod: {all} requests, lost {lost}, share of the slow pod at most {worst:.1} %");
    ensure!(lost == 0, "{lost} requests were lost");
    ensure!(worst <= SHARE, "the slow pod got {worst:.1} % of the requests");
    Ok(())
}

/// One concurrency: the slow pod's share in percent, requests sent, and how many were lost.
async fn one(concurrency: usize, count: u64, time: Duration) -> anyhow::Result<(f64, u64, u64)> {
    let manifest = Manifest::new(&[
        (LIMIT, "10"),
        ("autoscaling.knative.dev/min-scale", "2"),
        ("autoscaling.knative.dev/max-scale", "2"),
    ]);
    let takes = |time: &str| vec!["--takes".to_owned(), time.to_owned()];
    let samples = vec![takes("100ms"), takes("10ms")];
    let town = Town::start(Plan { manifest, samples, activators: 2 }).await?;
    let mut load = Load::new(town.routes.clone());
    load.add(&Clients { count: concurrency, ..Clients::default() });
    let end = Instant::now() + time;
    while Instant::now() < end && load.tally.answered.load(Ordering::Relaxed) < count {
        sleep(Duration::from_millis(5)).await;
    }
    let tally = load.stop().await;
    let pods = town.kubelet.running();
    ensure!(pods.len() == 2, "{} pods\n{}", pods.len(), town.logs());
    let (slow, fast) = (pods[0].seen().await?.ids.len() as f64, pods[1].seen().await?.ids.len() as f64);
    let asked = tally.asked.load(Ordering::Relaxed);
    let share = 100.0 * slow / (slow + fast);
    let times = tally.sorted_times();
    ensure!(!times.is_empty(), "nothing was answered\n{}", town.logs());
    println!(
        "{concurrency} at once: {asked} requests, the slow pod (100 ms) got {share:.1} %, the fast one (10 ms) the rest; \
         p50 {:.1} ms, p99 {:.1} ms",
        ms(quantile(&times, 0.5)),
        ms(quantile(&times, 0.99)),
    );
    Ok((share, asked, tally.failures()))
}
