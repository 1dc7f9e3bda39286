//! A process that cannot outlive us: it runs under `rouse pod`, whose lifeline we hold.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{ChildStdin, Command};
use tokio::time::{sleep, timeout};

use crate::server::beside_us;

/// How long the shim may take until what it runs exists.
const EXEC: Duration = Duration::from_secs(5);

/// A running process. Dropping it closes its lifeline: the shim kills it and all it has.
pub(crate) struct Child {
    name: String,
    shim: tokio::process::Child,
    /// The process itself, the shim's child.
    pid: Pid,
    _lifeline: Option<ChildStdin>,
}

/// What to run, and where its output goes.
pub(crate) struct Run<'a> {
    pub(crate) name: &'a str,
    pub(crate) program: &'a str,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) directory: &'a Path,
}

impl Child {
    pub(crate) async fn start(run: Run<'_>) -> anyhow::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(log_of(run.directory, run.name))?;
        let mut shim = Command::new(beside_us("rouse")?)
            .args(["pod", "--"])
            .arg(beside_us(run.program)?)
            .args(run.arguments)
            .envs(run.environment)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", run.name))?;
        let lifeline = shim.stdin.take();
        let of = shim.id().context("the shim ended at once")?;
        let Ok(pid) = timeout(EXEC, only_child(of)).await else { bail!("{} did not start", run.name) };
        Ok(Child { name: run.name.to_owned(), shim, pid, _lifeline: lifeline })
    }

    /// Sends a signal to the process itself, past the shim.
    pub(crate) fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        // One that has ended is not there to be signalled, and its number may be another's by now.
        if self.runs() {
            kill_process(self.pid, signal).with_context(|| format!("signal {}", self.name))?;
        }
        Ok(())
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.shim.try_wait(), Ok(None))
    }

    /// Its process number, to read `/proc` with.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        match timeout(within, self.shim.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{} does not end within {} s", self.name, within.as_secs()),
        }
    }
}

/// Where the output of the process `name` is.
pub(crate) fn log_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

async fn only_child(of: u32) -> Pid {
    let file = format!("/proc/{of}/task/{of}/children");
    loop {
        let children = std::fs::read_to_string(&file).unwrap_or_default();
        let first = children.split_ascii_whitespace().next().and_then(|pid| pid.parse().ok());
        if let Some(pid) = first.and_then(Pid::from_raw) {
            return pid;
        }
        sleep(Duration::from_millis(1)).await;
    }
}
