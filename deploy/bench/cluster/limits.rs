//! Activation-scale and the route as on one machine; container-concurrency 1; StatefulSets in order.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use super::app::App;
use super::judge::{Kills, Witness};
use super::system::System;
use crate::load::{Clients, Load};
use crate::scrape::Scraper;
use crate::town::Aim;

/// activation-scale 2, target 10, burst capacity 10: two pods from the first request on; the slices turn to the pods
/// once they suffice, and back when they do not.
pub(super) async fn activation(system: &System, namespace: &str) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "activation")
        .with("activation-scale", "2")
        .with("target", "10")
        .with("target-burst-capacity", "10")
        .with("window", "10s")
        .with("max-scale", "2")
        .with("rouse.dev/scale-to-zero-grace-period", "2s");
    app.start().await?;
    let activators = app.endpoints().await;
    Scraper::new(app.address().await?).text("/").await.ok(); // may take longer than its patience: it wakes all the same
    let mut wished = 0;
    for _ in 0..40 {
        wished = wished.max(app.wished().await?);
        sleep(Duration::from_millis(25)).await;
    }
    ensure!(wished == 2, "a wake asked for {wished} pods, not for activation-scale 2");
    app.until_ready(2, 30).await?;
    let to_pods = async || {
        let now = app.endpoints().await;
        now.len() == 2 && now.iter().all(|endpoint| endpoint.port() == 8012)
    };
    let mut load = Load::new(app.routes().await?);
    let kind = Clients {
        aim: Aim::Activators,
        path: "/echo?sleep=50ms",
        pause: Duration::from_millis(50),
        keep_alive: false,
        ..Clients::default()
    };
    load.add(&Clients { count: 1, ..kind.clone() });
    app.api.until("the slices lead to the pods", 40, to_pods).await?;
    println!("  burst capacity met: {activators:?} → {:?}", app.endpoints().await);
    load.add(&Clients { count: 30, pause: Duration::ZERO, ..kind });
    let back = async || app.endpoints().await.iter().all(|endpoint| endpoint.port() != 8012);
    app.api.until("the slices lead to the activators", 40, back).await?;
    println!("  burst capacity lost: → {:?}", app.endpoints().await);
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell("activation-scale 2, and the route as the burst capacity is met and lost")?;
    app.remove().await
}

/// Container-concurrency 1 with two activators, clients through them and straight at pods: no app ever sees two.
pub(super) async fn one_at_a_time(system: &System, namespace: &str) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "one")
        .with("rouse.dev/container-concurrency", "1")
        .with("min-scale", "3")
        .with("max-scale", "3")
        .with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(3, 60).await?;
    let witness = Witness::of(&app);
    let mut load = Load::new(app.routes().await?);
    let kind = Clients { aim: Aim::Activators, path: "/echo?sleep=10ms", ..Clients::default() };
    load.add(&Clients { count: 8, ..kind.clone() });
    let pods: Vec<_> = app.ready().await?.iter().filter_map(|pod| Some((pod.ip?, 8012).into())).collect();
    let direct = crate::town::Routes { pods, ..crate::town::Routes::default() };
    let (_keep, direct) = tokio::sync::watch::channel(direct);
    let mut straight = Load::new(direct);
    straight.add(&Clients { count: 3, aim: Aim::Pods, ..kind });
    sleep(Duration::from_secs(10)).await;
    let (through, straight) = (load.stop().await, straight.stop().await);
    Kills::default().judge(&through).tell("container-concurrency 1, through two activators")?;
    Kills::default().judge(&straight).tell("container-concurrency 1, straight at the pods meanwhile")?;
    sleep(Duration::from_secs(1)).await;
    witness.tell(1)?;
    app.remove().await
}

/// A StatefulSet wakes in order and sleeps, the highest ordinal first.
pub(super) async fn stateful(system: &System, namespace: &str) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "ordered")
        .stateful()
        .with("activation-scale", "2")
        .with("window", "6s")
        .with("rouse.dev/scale-to-zero-grace-period", "2s");
    app.start().await?;
    let seen = tokio::spawn(order(app.clone()));
    let mut load = Load::new(app.routes().await?);
    load.add(&Clients {
        count: 2,
        aim: Aim::Activators,
        path: "/echo",
        pause: Duration::from_millis(50),
        ..Clients::default()
    });
    app.until_ready(2, 60).await?;
    Kills::default().judge(&*load.stop().await).tell("a StatefulSet wakes")?;
    let (came, went) = seen.await??;
    println!("  came {came:?}, went {went:?}");
    ensure!(came == ["ordered-0", "ordered-1"], "it did not wake in order: {came:?}");
    ensure!(went == ["ordered-1", "ordered-0"], "it did not sleep the highest first: {went:?}");
    app.remove().await
}

/// In which order pods come and begin to go, until none is left.
async fn order(app: App) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (mut came, mut went) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + Duration::from_secs(120);
    while went.len() < 2 {
        ensure!(Instant::now() < deadline, "not asleep in time: came {came:?}, went {went:?}");
        let pods = app.pods().await?;
        for pod in &pods {
            if !came.contains(&pod.name) {
                came.push(pod.name.clone());
            }
        }
        let gone = |name: &String| !pods.iter().any(|pod| pod.name == *name && !pod.is_ending);
        for name in &came {
            if gone(name) && !went.contains(name) {
                went.push(name.clone());
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok((came, went))
}
