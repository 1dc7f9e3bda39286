//! How a process is started: under a shim, with what it finds in its environment.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use config::manifest::Template;
use config::{Failure, PodId, bounds};
use rustix::process::Pid;
use tokio::process::Command;

use super::OnLine;
use super::orphans::Shims;
use super::process::Process;

/// Starts processes under shims. Clones know of each other's, so that none takes another's for orphans.
#[derive(Clone)]
pub(super) struct Starter {
    executable: PathBuf,
    on_line: Arc<OnLine>,
    shims: Arc<Shims>,
}

impl Starter {
    pub(super) fn new(executable: PathBuf, on_line: OnLine) -> Starter {
        Starter { executable, on_line: Arc::new(on_line), shims: Arc::default() }
    }

    /// What a pod finds in its environment beside ours: `own`, unless it is declared, then what is declared.
    pub(super) fn env(&self, own: &[(&str, &str)], template: &Template) -> Vec<(String, String)> {
        let mut env: Vec<_> = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        // Later ones win: what is declared over ours, and PATH over what is declared.
        env.extend_from_slice(&template.env);
        env.push(("PATH".to_owned(), self.path(template)));
        env
    }

    /// Starts what `template`, resolved, says. It may take `grace` to end when it is told to.
    pub(super) fn start(
        &self,
        pod: &PodId,
        template: &Template,
        env: &[(String, String)],
        grace: Duration,
    ) -> Result<Process, Failure> {
        let mut command = self.command(template, grace);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        let start = || {
            let child = command.spawn()?;
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            Ok((pid.ok_or(io::ErrorKind::NotFound)?, child))
        };
        // Blocks for some 0.3 ms, until the shim runs. Handing that to another thread would only make the wake longer.
        match self.shims.start(start) {
            Ok(child) => Ok(Process::new(child, pod, &self.on_line, &self.shims)),
            Err(error) => Err(not_started(&error, template)),
        }
    }

    fn command(&self, template: &Template, grace: Duration) -> Command {
        let mut command = Command::new(&self.executable);
        // Longer than any pod is given: when its time has passed, the shim is told by its pipe.
        let grace = grace + bounds::LAST_GRACE;
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

fn not_started(error: &io::Error, template: &Template) -> Failure {
    match &template.working_dir {
        Some(directory) if !directory.is_dir() => {
            Failure::Image { detail: format!("working directory {directory:?} does not exist") }
        }
        // No process, no descriptor, no memory left.
        _ => Failure::Unschedulable { detail: format!("cannot start a process: {error}") },
    }
}
