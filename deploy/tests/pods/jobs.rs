//! ScaledJobs by the real command: Jobs as processes, for what a stub of an app's API says.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::Instant;

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(60);

/// A folder, an API that says how many of `items` have no file there, and a `rouse` with what it writes.
struct Machine {
    folder: PathBuf,
    admin: SocketAddr,
    rouse: Child,
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.rouse.kill().ok();
        self.rouse.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

impl Machine {
    /// Runs one ScaledJob whose pods run `script` in the folder.
    fn new(name: &str, items: usize, script: &str, spec: &str) -> Machine {
        let folder = std::env::temp_dir().join(format!("rouse-jobs-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("done")).expect("a temporary folder");
        let (api, admin) = (serve(folder.join("done"), items), free());
        let text = format!(
            "
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {{ name: {name} }}
spec:
  jobTargetRef:
    template:
      spec: {{ containers: [{{ command: [sh, -c, '{script}'], workingDir: '{}' }}] }}
  pollingInterval: 1
  triggers:
    - type: metrics-api
      metadata: {{ url: 'http://{api}/', valueLocation: waiting, targetValue: '1' }}
{spec}
",
            folder.display()
        );
        let file = folder.join("jobs.yaml");
        fs::write(&file, text).expect("the folder is ours");
        let log = File::create(folder.join("log")).expect("the folder is ours");
        let rouse = Command::new(env!("CARGO_BIN_EXE_rouse"))
            .args(["run", &file.display().to_string(), "--listen", "127.0.0.1:0", "--admin", &admin.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("rouse starts");
        Machine { folder, admin, rouse }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// How often the log has this.
    fn says(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }

    #[track_caller]
    fn until<T>(&self, what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
        let late = Instant::now() + SOON;
        loop {
            if let Some(seen) = seen() {
                return seen;
            }
            assert!(Instant::now() < late, "{what}: never; rouse says:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pid_in(&self, file: &str) -> Pid {
        let read = || Pid::from_raw(fs::read_to_string(self.folder.join(file)).ok()?.trim().parse().ok()?);
        self.until("a pid is written", read)
    }

    fn tell_to_end(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.rouse), signal).expect("it runs");
        self.rouse.wait().expect("it is ours");
    }

    fn jobs(&self) -> String {
        ask(self.admin, "/v1/jobs").unwrap_or_default()
    }
}

/// Answers every request with how many of `items` have no file in `done`, for as long as the test runs.
fn serve(done: PathBuf, items: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let at = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            BufReader::new(&stream).lines().map_while(Result::ok).find(String::is_empty);
            let body = format!("{{\"waiting\":{}}}", items.saturating_sub(files(&done)));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).ok();
        }
    });
    at
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

fn ask(at: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn gone(pid: Pid) -> Option<()> {
    test_kill_process(pid).is_err().then_some(())
}

#[test]
fn each_item_is_worked_off_by_a_process_that_ends() {
    let script = "echo on it; sleep 0.2; touch done/$POD_NAME";
    let mut machine = Machine::new("clerk", 3, script, "");
    machine.until("three are complete", || (machine.says(": complete after ") == 3).then_some(()));
    assert_eq!(files(&machine.folder.join("done")), 3);
    let log = machine.log();
    let begun = log.lines().filter_map(|line| line.split_once(": begins, for ScaledJob default/clerk"));
    for name in begun.filter_map(|(before, _)| before.split_whitespace().last()) {
        assert!(log.contains(&format!("{name}-1 | on it\n")), "{name}:\n{log}");
    }
    assert_eq!(machine.jobs().matches("\"state\":\"complete\"").count(), 3);
    machine.tell_to_end(Signal::TERM);
    assert_eq!(machine.says(": begins, for "), 3, "nothing is left to do");
}

#[test]
fn one_that_takes_too_long_fails_with_all_that_it_started() {
    let script = "sleep 600 & echo $! > child; wait";
    let limits = "  minReplicaCount: 1\n  maxReplicaCount: 1\n";
    let machine = Machine::new("dawdler", 0, script, limits);
    let text = fs::read_to_string(machine.folder.join("jobs.yaml")).expect("it is there");
    let child = machine.pid_in("child");
    // An edit ends it as well: the next one has two seconds.
    let edited = text.replace("jobTargetRef:\n", "jobTargetRef:\n    activeDeadlineSeconds: 2\n");
    fs::write(machine.folder.join("jobs.yaml"), edited).expect("it is ours");
    machine.until("the child is gone", || gone(child));
    machine.until("it is too late", || (machine.says("longer than activeDeadlineSeconds (2s)") > 0).then_some(()));
    assert!(machine.jobs().contains("\"state\":\"failed\""));
}

#[test]
fn rouse_tells_jobs_to_end_before_it_ends_and_takes_them_along_when_it_is_killed() {
    let script = r#"trap "echo told > told; exit 1" TERM; echo $$$$ > pid; while :; do sleep 0.05; done"#;
    let limits = "  minReplicaCount: 1\n  maxReplicaCount: 1\n";
    let mut machine = Machine::new("polite", 0, script, limits);
    let pid = machine.pid_in("pid");
    machine.tell_to_end(Signal::TERM);
    assert!(gone(pid).is_some(), "it waits for them");
    assert_eq!(fs::read_to_string(machine.folder.join("told")).ok().as_deref(), Some("told\n"));

    let mut machine = Machine::new("victim", 0, script, limits);
    let pid = machine.pid_in("pid");
    machine.tell_to_end(Signal::KILL);
    machine.until("it is gone", || gone(pid));
    assert!(!machine.folder.join("told").exists(), "there was no time");
}
