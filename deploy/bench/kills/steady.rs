//! One kill, end or edit after the other, under steady load.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use super::ledger::Ledger;
use super::{BURST, TARGET};
use crate::ms;
use crate::town::{LIMIT, Town};

/// Between two strokes: the load balancer and the averages come to rest.
const REST: Duration = Duration::from_millis(1500);

/// How long a roll of all pods may take.
const ROLL: Duration = Duration::from_secs(90);

/// Rounds of all strokes until the time has passed; one at least.
pub(super) async fn run(town: &mut Town, ledger: &mut Ledger, time: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + time;
    let mut round = 0;
    loop {
        round += 1;
        let began = Instant::now();
        activators(town, ledger, round).await?;
        autoscaler(town).await?;
        pods(town, ledger).await?;
        edits(town).await?;
        let took = Instant::now() - began;
        println!("  round {round}: every stroke in {:.1} s", took.as_secs_f64());
        if Instant::now() + took > end {
            return Ok(());
        }
    }
}

/// One is told to end and one is killed; each is followed by another.
async fn activators(town: &mut Town, ledger: &mut Ledger, round: usize) -> anyhow::Result<()> {
    let oldest = town.activators[0].name.clone();
    let mut leaves = town.take_activator(&oldest)?;
    let told = Instant::now();
    leaves.terminate().await?;
    println!("  SIGTERM to an activator: it ended after {:.0} ms", ms(Instant::now() - told));
    town.forget(leaves.listen);
    town.add_activator(&format!("activator-{round}-a")).await?;
    town.settled_activators().await?;
    sleep(REST).await;

    let oldest = town.activators[0].name.clone();
    let mut dies = town.take_activator(&oldest)?;
    let told = Instant::now();
    dies.kill().await?;
    ledger.activator(told, dies.listen);
    sleep(REST).await;
    town.forget(dies.listen);
    town.add_activator(&format!("activator-{round}-b")).await?;
    town.settled_activators().await?;
    sleep(REST).await;
    Ok(())
}

/// It is told to end, and killed; both times it stays away for a while.
async fn autoscaler(town: &mut Town) -> anyhow::Result<()> {
    town.autoscaler.terminate().await?;
    sleep(REST).await;
    town.autoscaler.restart().await?;
    sleep(REST).await;
    town.autoscaler.kill().await?;
    sleep(REST).await;
    town.autoscaler.restart().await?;
    sleep(REST).await;
    Ok(())
}

/// One is killed, then all are rolled.
async fn pods(town: &mut Town, ledger: &mut Ledger) -> anyhow::Result<()> {
    let told = Instant::now();
    let victim = town.kubelet.kill_one().await?;
    ledger.pod(told, victim.address, victim.limit);
    sleep(REST).await;
    town.settled_pods().await?;
    town.kubelet.roll();
    let began = Instant::now();
    while !town.kubelet.rolled() {
        ensure!(Instant::now() < began + ROLL, "the pods are not rolled after {} s\n{}", ROLL.as_secs(), town.logs());
        sleep(Duration::from_millis(20)).await;
    }
    println!("  all pods rolled in {:.1} s", (Instant::now() - began).as_secs_f64());
    Ok(())
}

/// Target, limit and burst capacity are edited, and edited back: pods that run get the new limit, and the activators
/// leave the path and come back.
async fn edits(town: &mut Town) -> anyhow::Result<()> {
    for (key, there, back) in [(TARGET, "5", "10"), (LIMIT, "8", "10"), (BURST, "0", "211")] {
        town.kubelet.edit(key, there);
        sleep(2 * REST).await;
        if key == BURST {
            println!("  with burst capacity 0 the route is direct: {}", town.routes.borrow().direct);
        }
        town.kubelet.edit(key, back);
        sleep(REST).await;
    }
    Ok(())
}
