//! An autoscaler that is killed and comes back knows nothing, and lowers nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::load::{Clients, Load};
use crate::town::{LIMIT, Manifest, Plan, Town};

/// Pods that the load needs.
const PODS: u64 = 8;

/// Requests in flight that make Knative's formula ask for that many: ceil(53 / (10 × 70 %)).
const CLIENTS: usize = 54;

/// How long until that many pods are wished for and ready.
const REACHED: Duration = Duration::from_secs(60);

/// How long the autoscaler stays away.
const AWAY: Duration = Duration::from_secs(2);

pub(crate) async fn run(time: Duration, window: Duration) -> anyhow::Result<()> {
    let manifest = Manifest::new(&[
        (LIMIT, "10"),
        ("autoscaling.knative.dev/target", "10"),
        ("autoscaling.knative.dev/max-scale", "20"),
        ("autoscaling.knative.dev/window", &format!("{}s", window.as_secs())),
    ]);
    let mut town = Town::start(Plan { manifest, activators: 2, ..Plan::default() }).await?;
    let mut load = Load::new(town.routes.clone());
    let clients = Clients { path: "/echo?sleep=500ms", ..Clients::default() };
    load.add(&Clients { count: CLIENTS, ..clients });
    let end = Instant::now() + time;
    eight(&town, window).await?;

    let (mut smallest, mut kills) = (PODS, 0);
    while kills == 0 || Instant::now() + AWAY + window * 3 / 2 < end {
        town.autoscaler.kill().await?;
        sleep(AWAY).await;
        town.autoscaler.restart().await?;
        let restarted = Instant::now();
        // Until a stable window has passed, and what follows from it.
        while Instant::now() < restarted + window * 3 / 2 {
            let wish = town.files.wish().unwrap_or(0);
            if wish < smallest {
                let after = (Instant::now() - restarted).as_secs_f64();
                println!("  {wish} pods wished for {after:.1} s after the restart");
                smallest = wish;
            }
            sleep(Duration::from_millis(5)).await;
        }
        kills += 1;
        println!("  restart {kills}: {:?} pods wished for at the end", town.files.wish());
    }
    let tally = load.stop().await;
    let (asked, lost) = (tally.asked.load(Ordering::Relaxed), tally.failures());
    for failure in tally.failures.lock().iter().take(5) {
        println!("  lost: {failure}");
    }
    println!(
        "restart: {kills} restarts of the autoscaler, {PODS} busy pods, smallest wish {smallest}; {asked} requests, lost {lost}"
    );
    ensure!(smallest >= PODS, "only {smallest} pods were wished for\n{}", town.logs());
    ensure!(lost == 0, "{lost} requests were lost");
    Ok(())
}

/// Waits until eight pods are wished for and ready, and a stable window of it is known.
async fn eight(town: &Town, window: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut since = None;
    loop {
        let there = town.routes.borrow().pods.len() as u64 == PODS && town.files.wish() == Some(PODS);
        let now = Instant::now();
        since = if there { since.or(Some(now)) } else { None };
        if since.is_some_and(|since| now > since + window) {
            return Ok(());
        }
        let most = REACHED + 2 * window;
        ensure!(now < began + most, "not {PODS} pods, but {:?}, wished for\n{}", town.files.wish(), town.logs());
        sleep(Duration::from_millis(20)).await;
    }
}
