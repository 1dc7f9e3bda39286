//! A pod that lies: about itself it is believed, about all others it is not.

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};
use config::link::{Reporter, Up};
use config::{PodState, Report, Time, WorkloadId};
use queue_proxy::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::port::{Port, Speaker};
use super::{Target, tokens};
use crate::cluster::app::App;
use crate::cluster::system::System;

/// What a lie says is in flight.
const LOAD: u32 = 1_000;

/// A queue-proxy that stands still, so that nobody but us speaks for its pod. It goes on when this is dropped.
struct Stopped(Pid);

impl Stopped {
    /// The queue-proxy of `pod`, a process of this machine: the cluster's only node.
    fn queue_proxy(pod: &Target) -> anyhow::Result<Stopped> {
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let Some(pid) = path.file_name().and_then(|name| name.to_str()?.parse::<i32>().ok()) else { continue };
            let read = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default();
            let is_one = read("cmdline").split('\0').next().is_some_and(|program| program.ends_with("/queue-proxy"));
            if is_one && read("cgroup").contains(&pod.uid) {
                let pid = Pid::from_raw(pid).context("no pid")?;
                kill_process(pid, Signal::STOP)?;
                return Ok(Stopped(pid));
            }
        }
        anyhow::bail!("no queue-proxy of {} runs on this machine", pod.name)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill_process(self.0, Signal::CONT).ok();
    }
}

/// A second in which an app was very busy.
fn busy(reporter: Reporter, workload: &WorkloadId) -> Up {
    let to = Time::from_nanos(Clock::wall().now().second() * 1_000_000_000);
    let from = to - Duration::from_secs(1);
    let concurrency_ns = u64::from(LOAD) * 1_000_000_000;
    let arrived = LOAD.into();
    let report =
        Report { from, to, concurrency_ns, arrived, peak: LOAD, in_flight: LOAD, open: LOAD, ..Report::default() };
    Up::Report { reporter, workload: workload.clone(), report }
}

pub(super) async fn run(system: &System, honest: &App, lying: &App) -> anyhow::Result<()> {
    let port = Port::of_leader(system).await?;
    let (liar, victim) = (Target::of(lying).await?, Target::of(honest).await?);
    let token = tokens::good(&system.api, &liar).await?;
    let _stopped = Stopped::queue_proxy(&liar)?;
    let mut linked = port.open(&Speaker::pod(liar.id(), Some(&token)))?;
    linked.welcome().await?;
    let dropped = async || port.metric("rouse_reports_dropped_total").await;

    let before = dropped().await?;
    let lies = [
        busy(Reporter::Pod(victim.id()), &victim.workload),
        busy(Reporter::Pod(liar.id()), &victim.workload),
        busy(Reporter::Activator("stranger".into()), &victim.workload),
    ];
    let told = lies.len();
    linked.link.say([
        Up::State { pod: victim.id(), state: PodState::Draining },
        Up::Left { reporter: Reporter::Pod(victim.id()), workload: victim.workload.clone() },
    ]);
    linked.link.say(lies);
    sleep(Duration::from_secs(4)).await;
    let counted = dropped().await? - before;
    ensure!(counted == told as f64, "of {told} reports about others {counted} were dropped");
    ensure!(honest.wished().await? == 1, "the load of another was made up");
    let answer = crate::client::get(honest.address().await?, "bench", "/").await?;
    ensure!(answer.status == 200, "the victim is not served any more: {}", answer.status);

    let before = dropped().await?;
    linked.link.say([busy(Reporter::Pod(liar.id()), &liar.workload)]);
    let grown = async || lying.wished().await.is_ok_and(|wished| wished == 2);
    system.api.until("its own workload has as many pods as it may have", 20, grown).await?;
    ensure!(dropped().await? == before, "of itself it is not believed");
    println!(
        "security: a pod told {told} lies about others, none believed; about itself it is: its own max-scale pods"
    );
    Ok(())
}
