//! What a process uses, as the system says it.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

/// Clock ticks a second in `/proc`, on every Linux there is.
const TICKS: u64 = 100;

/// CPU time of a process since a moment.
pub(crate) struct Since {
    pid: i32,
    at: Instant,
    used: Duration,
}

impl Since {
    pub(crate) fn now(pid: i32) -> anyhow::Result<Since> {
        Ok(Since { pid, at: Instant::now(), used: cpu(pid)? })
    }

    /// CPU time since then, and cores on average.
    pub(crate) fn cpu(&self) -> anyhow::Result<(Duration, f64)> {
        let used = cpu(self.pid)?.saturating_sub(self.used);
        Ok((used, used.as_secs_f64() / (Instant::now() - self.at).as_secs_f64()))
    }
}

/// User and system time of all threads.
fn cpu(pid: i32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    // The command, in brackets, may hold anything; behind it come the state and ten more, then user and system time.
    let (_, rest) = stat.rsplit_once(')').context("no stat")?;
    let ticks = rest.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// Resident memory, in MiB.
pub(crate) fn resident(pid: i32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib / 1024.0)
}
