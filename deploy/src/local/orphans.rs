//! Processes that lost their shim, and their end.
//!
//! Should a pod's shim be killed, what it kept falls to this process, if it asked for that ([`adopt`]). Such an orphan
//! is a child of ours that is no shim, in a session that is not ours, for every shim leads one of its own.

use std::collections::HashSet;
use std::io;

use parking_lot::{Mutex, RwLock};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

use crate::pod::children;

/// Makes this process inherit what shims that are killed leave behind (Linux), so that the platform can end it. Meant
/// for a process with one platform: children in sessions that are not ours are taken for orphans.
///
/// # Errors
/// What the operating system says.
pub fn adopt() -> io::Result<()> {
    children::adopt()
}

/// The shims that run.
#[derive(Debug, Default)]
pub(super) struct Shims {
    /// Read-locked while one starts and is not in `running` yet; write-locked while orphans are looked for.
    starting: RwLock<()>,
    running: Mutex<HashSet<Pid>>,
}

impl Shims {
    /// Starts one.
    pub(super) fn start<T>(&self, start: impl FnOnce() -> io::Result<(Pid, T)>) -> io::Result<T> {
        let _starting = self.starting.read();
        let (pid, started) = start()?;
        self.running.lock().insert(pid);
        Ok(started)
    }

    /// One has ended and is reaped.
    pub(super) fn ended(&self, shim: Pid) {
        self.running.lock().remove(&shim);
    }

    /// Kills and reaps all orphans. Blocks for as long as the system takes to end them.
    pub(super) fn kill_orphans(&self) {
        if !children::are_adopted() {
            return;
        }
        let _starting = self.starting.write();
        let ours = children::session(getpid());
        loop {
            let running = self.running.lock().clone();
            let mut orphans = children::list().unwrap_or_default();
            orphans.retain(|child| !running.contains(child) && children::session(*child) != ours);
            if orphans.is_empty() {
                return;
            }
            for orphan in orphans {
                kill_process(orphan, Signal::KILL).ok();
                waitpid(Some(orphan), WaitOptions::empty()).ok();
            }
        }
    }
}
