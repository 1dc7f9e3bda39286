//! Requests that fall into every state on the way to zero and back.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::get;
use crate::server::{Rouse, sample};

/// The states that must each see an arrival.
const STATES: [&str; 4] = ["in-path", "grace", "draining", "zero"];

/// One whose burst capacity is met by a pod, so that the activator leaves the path and must come back before zero; and
/// one with Knative's default, whose activator never leaves the path.
const WORKLOADS: [(&str, &str); 2] = [("leaves", "10"), ("stays", "211")];

/// What came of the requests to one workload.
#[derive(Default)]
struct Outcome {
    sent: usize,
    answered: usize,
    returns: usize,
    seen: BTreeMap<String, usize>,
}

pub(crate) async fn run(returns: usize, at_most: Duration, gap: f64, seed: u64) -> anyhow::Result<()> {
    // Pods that take three seconds to stop, so that draining is long enough to be hit.
    let manifest: String = WORKLOADS
        .iter()
        .map(|(name, burst)| {
            let annotations = [
                ("autoscaling.knative.dev/window", "6s"),
                ("rouse.dev/scale-to-zero-grace-period", "1s"),
                ("autoscaling.knative.dev/target-burst-capacity", burst),
            ];
            sample(name, &annotations, &["--stop", "3s"])
        })
        .collect();
    let rouse = Rouse::start(&manifest).await?;
    let end = Instant::now() + at_most;
    let (first, second) = tokio::try_join!(
        trickle(&rouse, WORKLOADS[0].0, returns, end, gap, seed),
        trickle(&rouse, WORKLOADS[1].0, returns, end, gap, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
    )?;
    let mut seen = first.seen;
    for (state, arrivals) in second.seen {
        *seen.entry(state).or_default() += arrivals;
    }
    let (sent, answered) = (first.sent + second.sent, first.answered + second.answered);
    println!(
        "trickle: sent {sent}, answered 200 {answered}, returns to zero {} + {}, arrivals by state {seen:?}",
        first.returns, second.returns
    );
    for state in STATES.iter().filter(|state| !seen.contains_key(**state)) {
        println!("  no request arrived in the state {state} this time: a longer --for or another --seed");
    }
    ensure!(answered == sent, "{} requests lost:\n{}", sent - answered, rouse.log());
    rouse.stop().await
}

/// Sends one workload its requests until it has returned to zero often enough and every state that it can be in has
/// seen one, or until `end`.
async fn trickle(
    rouse: &Rouse,
    name: &'static str,
    returns: usize,
    end: Instant,
    gap: f64,
    seed: u64,
) -> anyhow::Result<Outcome> {
    let states = if name == "leaves" { &STATES[..] } else { &["in-path", "draining", "zero"] };
    let mut random = seed.max(1);
    let (mut requests, mut outcome) = (JoinSet::new(), Outcome::default());
    let (mut was_zero, mut next) = (true, Instant::now());
    while Instant::now() < end
        && (outcome.returns < returns || states.iter().any(|state| !outcome.seen.contains_key(*state)))
    {
        // Watches for returns to zero between two arrivals.
        while Instant::now() < next {
            let zero = matches!(state(rouse, name).await?.as_str(), "zero" | "draining");
            outcome.returns += usize::from(zero && !was_zero);
            was_zero = zero;
            sleep_until(next.min(Instant::now() + Duration::from_millis(100))).await;
        }
        *outcome.seen.entry(state(rouse, name).await?).or_default() += 1;
        was_zero = false;
        let gateway = rouse.gateway;
        requests
            .spawn(async move { get(gateway, &format!("{name}.localhost"), "/").await.map(|answer| answer.status) });
        outcome.sent += 1;
        next += Duration::from_secs_f64(exponential(&mut random, gap));
    }
    while let Some(status) = requests.join_next().await {
        match status? {
            Ok(200) => outcome.answered += 1,
            Ok(other) => println!("  {name}: status {other}"),
            Err(error) => println!("  {name}: {error:#}"),
        }
    }
    sleep(Duration::from_millis(100)).await;
    let left = rouse.explain(&format!("default/Deployment/{name}")).await?;
    ensure!(left["held"] == 0 && left["open"] == 0, "requests are still counted: {left}");
    Ok(outcome)
}

/// Where the workload is on its way: the words of `STATES`, or another.
async fn state(rouse: &Rouse, name: &str) -> anyhow::Result<String> {
    let explained = rouse.explain(&format!("default/Deployment/{name}")).await?;
    let pods = explained["running"].as_array().context("no running in explain")?;
    let draining = pods.iter().any(|pod| pod["state"] == "draining");
    let state = explained["state"].as_str().context("no state in explain")?;
    Ok(match state {
        "zero" if draining => "draining",
        "turning-away" | "unproven" => "grace",
        "awake" | "starting" | "lingering" if explained["route"] == "activator" => "in-path",
        other => other,
    }
    .to_owned())
}

/// An exponential gap of mean `mean`, from a xorshift generator.
fn exponential(random: &mut u64, mean: f64) -> f64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let uniform = (*random >> 11) as f64 / (1u64 << 53) as f64;
    -mean * (1.0 - uniform).ln()
}
