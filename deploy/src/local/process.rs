//! One pod as a process, under its shim.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use config::{PodId, bounds};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::OnLine;
use super::orphans::Shims;
use super::output::{self, LastLine};
use crate::fleet::{Ended, Running};
use crate::pod::{NOT_EXECUTABLE, NOT_FOUND};

/// A pod's shim, and so the pod.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Option<Pid>,
    /// When this closes the shim kills all it has.
    lifeline: Option<ChildStdin>,
    output: JoinHandle<()>,
    last_line: LastLine,
    shims: Arc<Shims>,
}

impl Process {
    pub(super) fn new(mut child: Child, pod: &PodId, on_line: &Arc<OnLine>, shims: &Arc<Shims>) -> Process {
        let last_line = LastLine::default();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let relay = output::relay(pod.clone(), stdout, stderr, Arc::clone(on_line), Arc::clone(&last_line));
        Process {
            pid: child.id().and_then(|id| Pid::from_raw(id.cast_signed())),
            lifeline: child.stdin.take(),
            output: tokio::spawn(relay),
            last_line,
            shims: Arc::clone(shims),
            child,
        }
    }

    /// What is to be done once the shim is reaped.
    async fn clean_up(&mut self, status: Option<ExitStatus>) {
        if let Some(pid) = self.pid.take() {
            self.shims.ended(pid);
        }
        if status.is_some_and(|status| status.signal().is_some()) {
            // The shim did not come to kill what it kept.
            let shims = Arc::clone(&self.shims);
            tokio::task::spawn_blocking(move || shims.kill_orphans()).await.ok();
        }
        // Nobody writes any more, unless an orphan lives that nobody could kill.
        if timeout(bounds::KILL_TIME, &mut self.output).await.is_err() {
            self.output.abort();
        }
    }
}

impl Running for Process {
    async fn ended(&mut self) -> Ended {
        let status = self.child.wait().await.ok();
        self.clean_up(status).await;
        let last_line = self.last_line.lock().clone();
        let code = status.and_then(|status| status.code());
        if code == Some(NOT_FOUND.into()) || code == Some(NOT_EXECUTABLE.into()) {
            return Ended::CannotRun(last_line);
        }
        let status = match (code, status.and_then(|status| status.signal())) {
            (Some(code), _) if code > 128 => format!("exit code {code} (signal {})", code - 128),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("its shim was ended by signal {signal}"),
            (None, None) => "lost".to_owned(),
        };
        let detail = if last_line.is_empty() { status } else { format!("{status}: {last_line}") };
        Ended::Exited { success: code == Some(0), detail }
    }

    fn terminate(&self) {
        if let Some(pid) = self.pid {
            kill_process(pid, Signal::TERM).ok();
        }
    }

    async fn kill(mut self) {
        drop(self.lifeline.take());
        let status = match timeout(bounds::KILL_TIME, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                self.child.start_kill().ok();
                self.child.wait().await.ok()
            }
        };
        self.clean_up(status).await;
    }
}
