//! The same against `rouse run`: the file is edited under load, and the workload goes to zero and back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Found, RETURNS, TARGET};
use crate::load::{Clients, Load};
use crate::server::{Rouse, sample};
use crate::town::{Aim, LIMIT, Routes, WORKLOAD};

/// How long an edit may take to be true, and the workload to fall asleep.
const DONE: Duration = Duration::from_secs(60);

/// How long the traffic flows between two strokes.
const FLOW: Duration = Duration::from_millis(1500);

/// The file, with what is edited.
fn manifest(target: &str, limit: &str, generation: usize) -> String {
    let annotations = [
        (TARGET, target),
        (LIMIT, limit),
        ("autoscaling.knative.dev/max-scale", "6"),
        ("autoscaling.knative.dev/window", "6s"),
        ("rouse.dev/scale-to-zero-grace-period", "1s"),
    ];
    // The name that the sample answers with is a change of the pod's template.
    sample("town", &annotations, &["--name", &format!("town-{generation}")])
}

pub(super) async fn run(time: Duration, found: &mut Found) -> anyhow::Result<()> {
    let end = Instant::now() + time;
    let rouse = Rouse::start(&manifest("10", "10", 0)).await?;
    let (_routes, routes) = watch::channel(Routes { activators: vec![rouse.gateway], pods: Vec::new(), direct: false });
    let mut load = Load::new(routes);
    let clients = Clients { aim: Aim::Activators, path: "/echo?sleep=50ms", ..Clients::default() };
    load.add(&Clients { count: 8, keep_alive: true, ..clients.clone() });
    load.add(&Clients { count: 8, keep_alive: false, ..clients });
    let told = strokes(&rouse, &load, end, found).await;
    let tally = load.stop().await;
    for failure in tally.failures.lock().iter().take(10) {
        println!("  lost by rouse run: {failure}");
    }
    found.asked += tally.asked.load(Ordering::Relaxed);
    found.lost += tally.failures.lock().len();
    told.with_context(|| rouse.log())?;
    sleep(Duration::from_millis(100)).await;
    let left = rouse.explain(WORKLOAD).await?;
    if left["held"] != 0 || left["open"] != 0 {
        println!("  leaked by rouse run: held {}, open {}", left["held"], left["open"]);
        found.leaked += 1;
    }
    rouse.stop().await
}

async fn strokes(rouse: &Rouse, load: &Load, end: Instant, found: &mut Found) -> anyhow::Result<()> {
    sleep(FLOW).await;
    let (mut generation, mut returns, mut took) = (0, 0, Duration::ZERO);
    while generation == 0 || (returns < RETURNS && Instant::now() + took < end) {
        let began = Instant::now();
        generation += 1;
        let before = pods(&rouse.explain(WORKLOAD).await?);
        rouse.edit(&manifest("10", "10", generation))?;
        let edited = Instant::now();
        until(rouse, "rolled", |now| {
            let pods = pods(now);
            !pods.is_empty() && pods.iter().all(|pod| !before.contains(pod))
        })
        .await?;
        println!("  rouse run: a new template rolled the pods in {:.1} s", (Instant::now() - edited).as_secs_f64());
        rouse.edit(&manifest("5", "10", generation))?;
        sleep(FLOW).await;
        rouse.edit(&manifest("10", "8", generation))?;
        sleep(FLOW).await;
        rouse.edit("not: [yaml")?;
        sleep(FLOW).await;
        load.pause();
        until(rouse, "asleep", |now| now["state"] == "zero").await?;
        load.go();
        sleep(FLOW).await;
        returns += 1;
        found.returns += 1;
        took = Instant::now() - began;
    }
    Ok(())
}

/// The names of the pods that run.
fn pods(explained: &Value) -> Vec<String> {
    let running = explained["running"].as_array().into_iter().flatten();
    running.map(|pod| pod["id"].to_string()).collect()
}

async fn until(rouse: &Rouse, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + DONE;
    loop {
        let now = rouse.explain(WORKLOAD).await?;
        if is_so(&now) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not {what} after {} s: {now}", DONE.as_secs());
        sleep(Duration::from_millis(20)).await;
    }
}
