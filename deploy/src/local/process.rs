//! One pod as a process, under its shim.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use config::manifest::{Declared, Template};
use config::{Failure, Pod, PodId, Probe, ProbeKind, bounds};
use parking_lot::Mutex;
use queue_proxy::probe::Surroundings;
use queue_proxy::{Clock, Front};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpSocket;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::OnLine;
use super::orphans::Shims;
use super::output::{self, LastLine};
use super::ports::Ports;
use crate::fleet::{Ended, Launch, Running};
use crate::pod::{NOT_EXECUTABLE, NOT_FOUND};

/// Starts pods as processes.
pub(super) struct Processes {
    executable: PathBuf,
    clock: Clock,
    on_line: Arc<OnLine>,
    ports: Mutex<Ports>,
    shims: Arc<Shims>,
}

impl Processes {
    pub(super) fn new(executable: PathBuf, clock: Clock, on_line: OnLine) -> Processes {
        Processes { executable, clock, on_line: Arc::new(on_line), ports: Mutex::default(), shims: Arc::default() }
    }

    /// What the pod finds in its environment beside ours.
    fn env(&self, declared: &Declared, template: &Template, pod: &Pod) -> Vec<(String, String)> {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut env = vec![of("K_SERVICE", declared.workload.id.name()), of("POD_NAME", pod.id.as_str())];
        // Later ones win: what is declared over these two, and PATH over what is declared.
        env.extend_from_slice(&template.env);
        env.push(("PATH".to_owned(), self.path(template)));
        env
    }

    fn command(&self, declared: &Declared, template: &Template) -> Command {
        let mut command = Command::new(&self.executable);
        // Longer than any pod is given: when its time has passed, the shim is told by its pipe.
        let grace = declared.workload.serving.termination_grace + bounds::LAST_GRACE;
        command.arg("pod").arg("--grace").arg(format!("{}ms", grace.as_millis())).arg("--").args(&template.command);
        if let Some(directory) = &template.working_dir {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The directory of `rouse`, then the PATH that is declared, else ours.
    fn path(&self, template: &Template) -> String {
        let directory = self.executable.parent().unwrap_or(Path::new("")).display();
        let declared = template.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
        match declared.or_else(|| env::var("PATH").ok()) {
            Some(rest) => format!("{directory}:{rest}"),
            None => directory.to_string(),
        }
    }
}

impl Launch for Processes {
    type Running = Process;

    fn reserve(&self) -> Result<SocketAddr, Failure> {
        let port = self.ports.lock().take(self.clock.now(), is_free).ok_or_else(|| {
            let (first, last) = (bounds::LOCAL_PORTS.start(), bounds::LOCAL_PORTS.end());
            Failure::Unschedulable { detail: format!("no port from {first} to {last} is free") }
        })?;
        Ok(([127, 0, 0, 1], port).into())
    }

    fn release(&self, address: SocketAddr) {
        self.ports.lock().give_back(address.port(), self.clock.now());
    }

    async fn launch(&self, declared: &Declared, pod: &Pod, front: &Front) -> Result<Process, Failure> {
        let template = declared.template.with_port(pod.address.port());
        let env = self.env(declared, &template, pod);
        let mut command = self.command(declared, &template);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        if let Some(Probe { kind: ProbeKind::Exec { .. }, .. }) = declared.workload.serving.readiness {
            front.run_exec_probes(Surroundings { env, dir: template.working_dir.clone() });
        }
        let start = || {
            let child = command.spawn()?;
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            Ok((pid.ok_or(io::ErrorKind::NotFound)?, child))
        };
        // Blocks for some 0.3 ms, until the shim runs. Handing that to another thread would only make the wake longer.
        match self.shims.start(start) {
            Ok(child) => Ok(Process::new(child, &pod.id, &self.on_line, &self.shims)),
            Err(error) => Err(not_started(&error, &template)),
        }
    }
}

/// Whether an app could listen on the port, at any address. Nothing listens for the moment that this takes.
fn is_free(port: u16) -> bool {
    TcpSocket::new_v4().is_ok_and(|socket| socket.bind(([0, 0, 0, 0], port).into()).is_ok())
}

fn not_started(error: &io::Error, template: &Template) -> Failure {
    match &template.working_dir {
        Some(directory) if !directory.is_dir() => {
            Failure::Image { detail: format!("working directory {directory:?} does not exist") }
        }
        // No process, no descriptor, no memory left.
        _ => Failure::Unschedulable { detail: format!("cannot start a process: {error}") },
    }
}

/// A pod's shim, and so the pod.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: Option<Pid>,
    /// When this closes the shim kills all it has.
    lifeline: Option<ChildStdin>,
    output: JoinHandle<()>,
    last_line: LastLine,
    shims: Arc<Shims>,
}

impl Process {
    fn new(mut child: Child, pod: &PodId, on_line: &Arc<OnLine>, shims: &Arc<Shims>) -> Process {
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
        Ended::Exited(if last_line.is_empty() { status } else { format!("{status}: {last_line}") })
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
