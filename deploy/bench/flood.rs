//! Many requests at once, at zero, to an app that takes one at a time.

use anyhow::{Context, ensure};
use tokio::time::Instant;

use crate::client::get;
use crate::server::{Rouse, sample};
use crate::{ms, quantile};

pub(crate) async fn run(count: usize) -> anyhow::Result<()> {
    let annotations = [("rouse.dev/container-concurrency", "1"), ("autoscaling.knative.dev/max-scale", "8")];
    let rouse = Rouse::start(&sample("single", &annotations, &[])).await?;
    let asked = Instant::now();
    let requests: Vec<_> = (0..count)
        .map(|_| {
            let gateway = rouse.gateway;
            tokio::spawn(async move {
                let status = get(gateway, "single.localhost", "/?sleep=20ms").await.map(|answer| answer.status);
                (status, Instant::now())
            })
        })
        .collect();
    let (mut good, mut times) = (0, Vec::new());
    for request in requests {
        let (status, at) = request.await?;
        match status {
            Ok(200) => good += 1,
            Ok(other) => println!("  status {other}"),
            Err(error) => println!("  {error:#}"),
        }
        times.push(at - asked);
    }
    times.sort();
    println!("{count} requests at once at zero, one at a time a pod, 20 ms each: {good} answered 200");
    println!("  p50 {:.0} ms, last {:.0} ms", ms(quantile(&times, 0.5)), ms(quantile(&times, 1.0)));

    let explained = rouse.explain("default/Deployment/single").await?;
    let pods = explained["running"].as_array().context("no pods in explain")?;
    let mut above = 0;
    for pod in pods {
        let address = pod["address"].as_str().context("a pod without address")?.parse()?;
        let stats = get(address, "bench", "/stats").await?.json()?;
        println!("  pod {}: at most {} in flight, {} requests", pod["id"], stats["max_in_flight"], stats["requests"]);
        above += u64::from(stats["max_in_flight"] != 1);
    }
    ensure!(good == count, "{} requests were not answered 200:\n{}", count - good, rouse.log());
    ensure!(!pods.is_empty() && above == 0, "{above} of {} pods were above their container-concurrency", pods.len());
    rouse.stop().await
}
