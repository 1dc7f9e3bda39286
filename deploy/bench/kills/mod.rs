//! Steady load while processes are told to end or killed, pods are rolled, settings are edited, and the workload goes
//! to zero and back.

mod ledger;
mod machine;
mod steady;
mod zero;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;

use self::ledger::Ledger;
use crate::load::{Clients, Load, Tally};
use crate::served::Served;
use crate::town::{Aim, LIMIT, Manifest, Plan, Town};

const MIN_SCALE: &str = "autoscaling.knative.dev/min-scale";
const TARGET: &str = "autoscaling.knative.dev/target";
const BURST: &str = "autoscaling.knative.dev/target-burst-capacity";

/// How many times to zero and back.
const RETURNS: usize = 20;

/// What all parts found.
#[derive(Debug, Default)]
struct Found {
    asked: u64,
    /// Failed on a process that was killed without notice.
    excused: usize,
    /// Of those, the ones that took longer than a second to.
    hung: usize,
    lost: usize,
    /// Failed although their client sent them twice.
    lost_again: usize,
    twice: u64,
    above: u64,
    leaked: usize,
    returns: usize,
}

/// Against which form of Rouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Against {
    /// Processes of its own: autoscaler, activators and queue-proxies
    Processes,
    /// `rouse run`
    Run,
    /// One after the other
    Both,
}

pub(crate) async fn run(time: Duration, against: Against) -> anyhow::Result<()> {
    let mut found = Found::default();
    if against != Against::Run {
        processes(time * 3 / 4, &mut found).await?;
    }
    if against != Against::Processes {
        machine::run(time / 4, &mut found).await?;
    }
    let Found { asked, excused, hung, lost, lost_again, twice, above, leaked, returns } = found;
    println!(
        "kills: {asked} requests, lost {lost}, failed on a killed process {excused} (hung {hung}), lost by clients that \
         retry {lost_again}, served twice {twice}, above CC {above}, leaked counters {leaked}, returns from zero {returns}"
    );
    ensure!(lost + hung + lost_again + leaked == 0 && twice + above == 0 && returns > 0, "a count does not hold");
    Ok(())
}

/// The part with processes of their own: autoscaler, activators, pods.
async fn processes(time: Duration, found: &mut Found) -> anyhow::Result<()> {
    let manifest = Manifest::new(&[
        (LIMIT, "10"),
        (TARGET, "10"),
        (MIN_SCALE, "2"),
        ("autoscaling.knative.dev/max-scale", "6"),
        ("autoscaling.knative.dev/window", "6s"),
        ("rouse.dev/scale-to-zero-grace-period", "1s"),
    ]);
    let mut town = Town::start(Plan { manifest, activators: 2, ..Plan::default() }).await?;
    let mut load = Load::new(town.routes.clone());
    let mut retrying = Load::new(town.routes.clone());
    let clients = Clients { aim: Aim::Route, path: "/echo?sleep=50ms", ..Clients::default() };
    load.add(&Clients { count: 8, keep_alive: true, ..clients.clone() });
    load.add(&Clients { count: 8, keep_alive: false, ..clients.clone() });
    retrying.add(&Clients { count: 2, keep_alive: true, retry: true, ..clients.clone() });
    retrying.add(&Clients { count: 2, keep_alive: false, retry: true, ..clients });

    let mut ledger = Ledger::default();
    let told = async {
        steady::run(&mut town, &mut ledger, time * 3 / 5).await?;
        found.returns += zero::run(&mut town, &[&load, &retrying], time * 2 / 5).await?;
        anyhow::Ok(())
    }
    .await;
    let (tally, retried) = (load.stop().await, retrying.stop().await);
    judge(&town, &ledger, &tally, &retried, found).await?;
    if told.is_err() || found.lost + found.lost_again > 0 {
        println!("{}", town.logs());
    }
    told
}

async fn judge(
    town: &Town,
    ledger: &Ledger,
    tally: &Arc<Tally>,
    retried: &Arc<Tally>,
    found: &mut Found,
) -> anyhow::Result<()> {
    let judged = ledger.judge(&tally.failures.lock());
    for failure in judged.lost.iter().chain(retried.failures.lock().iter()).take(10) {
        println!("  lost: {failure}");
    }
    found.asked += tally.asked.load(Ordering::Relaxed) + retried.asked.load(Ordering::Relaxed);
    found.excused += judged.excused;
    found.hung += judged.hung;
    found.lost += judged.lost.len();
    found.lost_again += usize::try_from(retried.failures())?;
    println!("  clients that retry did so {} times", retried.again.load(Ordering::Relaxed));

    for leak in town.leaks().await? {
        println!("  leaked: {leak}");
        found.leaked += 1;
    }
    let (mut served, record) = (Served::default(), town.kubelet.record());
    served.add(&record.ids);
    for pod in town.kubelet.running() {
        let seen = pod.seen().await?;
        found.above += u64::from(seen.is_above(town.kubelet.highest_limit()));
        served.add(&seen.ids);
    }
    found.above += record.above;
    found.twice += served.twice();
    println!("  {} pods ended in order", record.drained);
    ensure!(record.problems.is_empty(), "{}", record.problems.join("\n"));
    Ok(())
}
