//! The children of this process, orphans that it adopted included, and their end.

use std::io;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};

/// Makes this process the parent of every process below it that loses its own. Elsewhere than on Linux there is no
/// such thing: there a daemonised process escapes.
///
/// # Errors
/// What the operating system says.
pub(crate) fn adopt() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Whether [`adopt`] was called, (exec keeps it, fork does not).
pub(crate) fn are_adopted() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::child_subreaper().is_ok_and(|on| on.is_some());
    #[cfg(not(target_os = "linux"))]
    false
}

/// The children of this process, those that ended but are not reaped included; `None` where the system cannot say.
/// A child that comes or goes meanwhile may be missing.
#[cfg(target_os = "linux")]
pub(crate) fn list() -> Option<Vec<Pid>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        // A thread that ended meanwhile handed its children to another: whoever must see all asks again.
        let Ok(text) = std::fs::read_to_string(task.ok()?.path().join("children")) else { continue };
        children.extend(text.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)));
    }
    Some(children)
}

/// The children of this process: cannot be told here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn list() -> Option<Vec<Pid>> {
    None
}

/// The session that a process is in, as far as it can be told. Zero is one that began outside of this pid namespace;
/// `getsid` of rustix takes that for impossible.
pub(crate) fn session(pid: Pid) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The command, in brackets, may hold anything; behind it come state, parent, group, session.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(3)?.parse().ok()
}

/// Kills every child of this process, again and again until none is left, and reaps them. The children of a killed
/// child become ours, so the next round has them. Where children cannot be told, kills the process group of `app`.
///
/// Only direct children are signalled: a child that is not reaped keeps its number, so no stranger can be hit.
pub(crate) fn kill_all(app: Pid) {
    loop {
        let children = list();
        if children.is_none() {
            kill_process_group(app, Signal::KILL).ok();
        }
        for child in children.iter().flatten() {
            kill_process(*child, Signal::KILL).ok();
        }
        // Waits only if one is sure to end; else a child that the list missed would be waited for alive.
        let sure = children.as_ref().is_some_and(|children| !children.is_empty());
        match wait(if sure { WaitOptions::empty() } else { WaitOptions::NOHANG }) {
            Ok(None) if children.is_none() => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
