//! `rouse pod`: what each pod on one machine runs under, so that nothing of it outlives `rouse`.
//!
//! The shim is a session of its own and, on Linux, a subreaper: whatever the app starts stays below it, daemonised or
//! not. Its standard input is a pipe that `rouse` holds and never writes to. When that closes, however `rouse` came to
//! its end, the shim kills all it has. It stands between a request and the app's first instruction, so it does nothing
//! that can wait until the app runs.

pub(crate) mod children;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, wait};
use tokio::signal::unix::{SignalKind, signal};

/// Exit code when the command does not exist, as a shell has it.
pub const NOT_FOUND: u8 = 127;

/// Exit code when the command exists but cannot be run, as a shell has it.
pub const NOT_EXECUTABLE: u8 = 126;

/// Exit code when something of the shim itself failed.
const BROKEN: u8 = 125;

/// Bytes of stack for the thread that kills: reading `/proc` needs more than 64 KiB in a debug build, and what is not
/// touched costs nothing.
const LIFELINE_STACK: usize = 512 << 10;

/// Runs a command so that nothing of it outlives the other end of standard input.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How long the command may take to end after SIGTERM.
    #[arg(long, value_parser = crate::flag::duration, default_value = "30s", value_name = "DURATION")]
    grace: Duration,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the command until it ends, is told to end (SIGTERM: its process group gets SIGTERM, then at most the grace), or
/// standard input closes. When this returns, nothing of it is left.
///
/// Returns its exit code, 128 + the signal that ended it, [`NOT_FOUND`] or [`NOT_EXECUTABLE`]; in the two last cases
/// the last line of standard error says why.
pub fn run(options: &Options) -> ExitCode {
    let (program, arguments) = options.command.split_first().expect("clap requires a command");
    // Fails only for a process group's leader, as when started by hand; then the shell's session does.
    rustix::process::setsid().ok();
    match keep(program, arguments, options.grace) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rouse pod: {error}");
            ExitCode::from(BROKEN)
        }
    }
}

fn keep(program: &OsStr, arguments: &[OsString], grace: Duration) -> io::Result<ExitCode> {
    children::adopt()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the app starts, so that neither its end nor an early SIGTERM is missed.
        let mut child_ended = signal(SignalKind::child())?;
        let mut told_to_end = signal(SignalKind::terminate())?;
        let app = match start(program, arguments) {
            Ok(app) => app,
            Err(error) => return Ok(cannot_run(program, &error)),
        };
        die_with_standard_input(app)?;
        let ended = async {
            loop {
                if let Some(status) = reap(app) {
                    return status;
                }
                child_ended.recv().await;
            }
        };
        tokio::pin!(ended);
        let status = tokio::select! {
            status = &mut ended => Some(status),
            _ = told_to_end.recv() => {
                kill_process_group(app, Signal::TERM).ok();
                tokio::time::timeout(grace, ended).await.ok()
            }
        };
        children::kill_all(app);
        Ok(exit_code(status))
    })
}

fn start(program: &OsStr, arguments: &[OsString]) -> io::Result<Pid> {
    let app = Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn()?;
    Ok(Pid::from_child(&app))
}

fn cannot_run(program: &OsStr, error: &io::Error) -> ExitCode {
    let program = program.display();
    let (code, reason) = match error.kind() {
        io::ErrorKind::NotFound => (NOT_FOUND, "does not exist".to_owned()),
        io::ErrorKind::PermissionDenied => (NOT_EXECUTABLE, "is not executable".to_owned()),
        _ => (NOT_EXECUTABLE, format!("cannot be run: {error}")),
    };
    eprintln!("command \"{program}\" {reason}");
    ExitCode::from(code)
}

/// A thread of its own, because only a blocking read works on whatever standard input is, and because it must act
/// whatever the rest is busy with.
fn die_with_standard_input(app: Pid) -> io::Result<()> {
    let watch = move || {
        let mut stdin = io::stdin().lock();
        let mut ignored = [0; 64];
        while matches!(stdin.read(&mut ignored), Ok(1..)) {}
        children::kill_all(app);
        std::process::exit(128 + Signal::KILL.as_raw());
    };
    std::thread::Builder::new().name("lifeline".to_owned()).stack_size(LIFELINE_STACK).spawn(watch)?;
    Ok(())
}

/// Reaps whoever has ended, orphans included; the app's status if it is among them.
fn reap(app: Pid) -> Option<WaitStatus> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == app => return Some(status),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// `None` is an app that had to be killed.
fn exit_code(status: Option<WaitStatus>) -> ExitCode {
    let signal = |signal: i32| u8::try_from(128 + signal).unwrap_or(u8::MAX);
    let code = match status {
        Some(status) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
            (None, Some(by)) => signal(by),
            (None, None) => BROKEN,
        },
        None => signal(Signal::KILL.as_raw()),
    };
    ExitCode::from(code)
}
