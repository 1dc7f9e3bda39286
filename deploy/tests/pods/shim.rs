//! `rouse pod`, as it is.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::Instant;

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(10);

fn shim(grace: &str, command: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rouse"))
        .args(["pod", "--grace", grace, "--"])
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shim starts")
}

fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if let Some(seen) = seen() {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{what}: not within {SOON:?}");
}

/// Unlike `Child::wait`, leaves standard input open.
fn end_of(shim: &mut Child) -> ExitStatus {
    until("the shim ends", || shim.try_wait().expect("the shim is ours"))
}

fn pid_in(file: &Path) -> Pid {
    until("a pid is written", || Pid::from_raw(std::fs::read_to_string(file).ok()?.trim().parse().ok()?))
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// A directory of its own, removed at the end.
struct Room(std::path::PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let path = std::env::temp_dir().join(format!("rouse-shim-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Room(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_daemonised_grandchild_dies_with_rouse() {
    let room = Room::new("daemon");
    let (app, daemon) = (room.0.join("app"), room.0.join("daemon"));
    let script = format!(
        "echo $$ > {}; (setsid sh -c 'echo $$ > {}; exec sleep 600' &); sleep 600",
        app.display(),
        daemon.display()
    );
    let mut shim = shim("30s", &["sh", "-c", &script]);
    let (app, daemon) = (pid_in(&app), pid_in(&daemon));
    assert!(is_alive(app) && is_alive(daemon));
    drop(shim.stdin.take()); // what the end of `rouse`, however it comes, does
    assert_eq!(end_of(&mut shim).code(), Some(137));
    assert!(!is_alive(app) && !is_alive(daemon));
}

#[test]
#[cfg(target_os = "linux")]
fn what_an_app_leaves_behind_ends_with_it() {
    let room = Room::new("left");
    let file = room.0.join("left");
    let script = format!("setsid sleep 600 & echo $! > {}; exit 3", file.display());
    let mut shim = shim("30s", &["sh", "-c", &script]);
    assert_eq!(end_of(&mut shim).code(), Some(3));
    assert!(!is_alive(pid_in(&file)));
}

#[test]
fn the_shim_ends_as_its_app_did() {
    assert_eq!(end_of(&mut shim("30s", &["true"])).code(), Some(0));
    assert_eq!(end_of(&mut shim("30s", &["sh", "-c", "exit 42"])).code(), Some(42));
    assert_eq!(end_of(&mut shim("30s", &["sh", "-c", "kill -SEGV $$"])).code(), Some(128 + 11));
}

#[test]
fn a_command_that_cannot_be_run_is_said_to_be_so() {
    let said = |command: &str| {
        let mut shim = shim("30s", &[command]);
        let (code, mut text) = (end_of(&mut shim).code(), String::new());
        shim.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (code, text)
    };
    let missing = "command \"no-such-command\" does not exist\n".to_owned();
    assert_eq!(said("no-such-command"), (Some(127), missing));
    let no_program = format!("command \"{}\" is not executable\n", env!("CARGO_MANIFEST_PATH"));
    assert_eq!(said(env!("CARGO_MANIFEST_PATH")), (Some(126), no_program));
}

#[test]
fn sigterm_reaches_the_app_which_may_take_its_time() {
    let mut shim = shim("30s", &["sh", "-c", "trap 'sleep 0.1; exit 7' TERM; echo up; while :; do sleep 0.01; done"]);
    shim.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    kill_process(Pid::from_child(&shim), Signal::TERM).unwrap();
    assert_eq!(end_of(&mut shim).code(), Some(7));
}

#[test]
fn an_app_that_ignores_sigterm_is_killed_after_the_grace() {
    let mut shim = shim("100ms", &["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done"]);
    shim.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    kill_process(Pid::from_child(&shim), Signal::TERM).unwrap();
    assert_eq!(end_of(&mut shim).code(), Some(128 + 9));
}
