//! `knative-service.yaml`: zero pods, or at least two while requests keep coming.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use crate::client::get;
use crate::server::Rouse;

/// The example itself.
const MANIFEST: &str = include_str!("../examples/knative-service.yaml");
const WORKLOAD: &str = "default/Service/greeter";

pub(crate) async fn run(window: u64) -> anyhow::Result<()> {
    let manifest = if window == 60 {
        MANIFEST.to_owned()
    } else {
        MANIFEST.replace(
            "annotations:\n",
            &format!("annotations:\n        autoscaling.knative.dev/window: \"{window}s\"\n"),
        )
    };
    let rouse = Rouse::start(&manifest).await?;
    let answer = get(rouse.gateway, "greeter.localhost", "/").await?;
    ensure!(answer.status == 200, "status {}", answer.status);
    let first = rouse.explain(WORKLOAD).await?;
    let pods = first["asked"].as_u64().context("no asked")?;
    println!("first request: {pods} pods, because {}", last_reason(&first));
    ensure!(pods == 2, "the first request started {pods} pods, not 2");

    // A request at least every half window, for three windows; every decision is looked at.
    let (start, window) = (Instant::now(), Duration::from_secs(window));
    let (mut asked, mut lowest) = (Instant::now(), u64::MAX);
    while Instant::now() < start + 3 * window {
        if Instant::now() >= asked + window / 2 - Duration::from_secs(1) {
            asked = Instant::now();
            ensure!(get(rouse.gateway, "greeter.localhost", "/").await?.status == 200, "a request failed");
        }
        let now = rouse.explain(WORKLOAD).await?;
        for decision in now["decisions"].as_array().context("no decisions")? {
            lowest = lowest.min(decision["decision"]["desired"].as_u64().context("no desired")?);
        }
        sleep(Duration::from_millis(500)).await;
    }
    println!("three windows with a request every half window: lowest desired {lowest}");
    ensure!(lowest >= 2, "desired fell to {lowest} while requests came");

    let mut path = vec![(0.0, 2)];
    loop {
        let now = rouse.explain(WORKLOAD).await?;
        let desired = now["asked"].as_u64().context("no asked")?;
        if path.last().is_none_or(|&(_, last)| last != desired) {
            path.push(((Instant::now() - asked).as_secs_f64(), desired));
            println!(
                "{:6.1} s after the last request: {desired} pods, because {}",
                path[path.len() - 1].0,
                last_reason(&now)
            );
        }
        if now["state"] == "zero" && now["running"].as_array().is_some_and(Vec::is_empty) {
            break;
        }
        ensure!(Instant::now() < asked + 4 * window + Duration::from_secs(60), "never asleep: {now}");
        sleep(Duration::from_millis(200)).await;
    }
    rouse.stop().await
}

fn last_reason(explained: &serde_json::Value) -> String {
    let reasons = explained["decisions"][0]["decision"]["reasons"].as_array();
    let words = reasons.into_iter().flatten().map(|reason| {
        format!("{}: {}", reason["rule"].as_str().unwrap_or("?"), reason["because"].as_str().unwrap_or("?"))
    });
    words.collect::<Vec<_>>().join("; ")
}
