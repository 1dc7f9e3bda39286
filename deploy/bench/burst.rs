//! Many requests at once at pods that are nearly idle: how long until more pods are wished for.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::load::{Clients, Load};
use crate::ms;
use crate::town::{LIMIT, Manifest, Plan, Town};

/// Requests in flight before, and after.
const BEFORE: usize = 5;
const AFTER: usize = 200;

/// How long more pods may take: Knative's panic window is 6 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starting and ending all of one case, roughly.
const AROUND: Duration = Duration::from_secs(10);

pub(crate) async fn run(time: Duration) -> anyhow::Result<()> {
    // Long enough that the averages are of the few.
    let before = (time / 4).saturating_sub(AROUND).clamp(Duration::from_secs(3), Duration::from_secs(60));
    let (mut lost, mut summary) = (0, String::new());
    for limit in ["0", "10"] {
        for mode in ["rouse", "knative"] {
            let (took, failed) = one(limit, mode, before).await?;
            println!(
                "CC {limit}, mode {mode}: {BEFORE} -> {AFTER} in flight, further pods wished for after {:.1} ms",
                ms(took)
            );
            summary.push_str(&format!(", CC {limit} {mode} {:.1} ms", ms(took)));
            lost += failed;
        }
    }
    println!("burst: lost {lost}{summary}");
    ensure!(lost == 0, "{lost} requests were lost");
    Ok(())
}

/// One case: from the first of the many requests to the wish for a third pod, and how many failed.
async fn one(limit: &str, mode: &'static str, before: Duration) -> anyhow::Result<(Duration, u64)> {
    let mut manifest = Manifest::new(&[
        (LIMIT, limit),
        ("autoscaling.knative.dev/target", "10"),
        ("autoscaling.knative.dev/min-scale", "2"),
        ("autoscaling.knative.dev/max-scale", "6"),
    ]);
    if mode == "knative" {
        manifest.set("rouse.dev/mode", mode);
    }
    let town = Town::start(Plan { manifest, activators: 2, ..Plan::default() }).await?;
    let mut load = Load::new(town.routes.clone());
    let clients = Clients { path: "/echo?sleep=1s", ..Clients::default() };
    load.add(&Clients { count: BEFORE, ..clients.clone() });
    sleep(before).await;
    ensure!(town.files.wish() == Some(2), "{:?} pods are wished for before", town.files.wish());

    let began = Instant::now();
    load.add(&Clients { count: AFTER - BEFORE, ..clients });
    let took = loop {
        let took = Instant::now() - began;
        if town.files.wish().is_some_and(|wish| wish > 2) {
            break took;
        }
        ensure!(took < PATIENCE, "no further pod is wished for after {} s\n{}", PATIENCE.as_secs(), town.logs());
        sleep(Duration::from_micros(500)).await;
    };
    sleep(Duration::from_secs(1)).await;
    let tally = load.stop().await;
    for failure in tally.failures.lock().iter().take(5) {
        println!("  lost: {failure}");
    }
    Ok((took, tally.failures()))
}
