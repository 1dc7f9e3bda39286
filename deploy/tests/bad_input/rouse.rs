//! The real binary: run to its end, or serving.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Files of one test, gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rouse-bad-input-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    /// With one file of it, called `app.yaml`.
    pub(crate) fn with(text: &str) -> Folder {
        let folder = Folder::new();
        std::fs::write(folder.0.join("app.yaml"), text).expect("the folder is ours");
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Runs `rouse` here, to its end.
    pub(crate) fn rouse(&self, arguments: &[&str]) -> Ended {
        let mut command = rouse(self, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("rouse starts");
        let late = Instant::now() + PATIENCE;
        while child.try_wait().expect("it is a child").is_none() {
            if Instant::now() > late {
                child.kill().expect("it is a child");
                panic!("rouse {arguments:?} does not end: {:?}", child.wait_with_output());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child.wait_with_output().expect("it is a child").into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn rouse(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rouse"));
    command.args(arguments).current_dir(folder.path()).env_remove("ROUSE_LOG");
    command
}

/// How `rouse` ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// `rouse run` of one file, until it is dropped.
pub(crate) struct Serving {
    child: Child,
    gateway: SocketAddr,
    admin: SocketAddr,
    folder: Folder,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Serving {
    pub(crate) fn start(manifest: &str) -> Serving {
        let folder = Folder::with(manifest);
        let mut command = rouse(&folder, &["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "app.yaml"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("rouse starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let serving = lines.by_ref().map_while(Result::ok).find(|line| line.contains("serving"));
        let addresses = serving.expect("it says where it serves");
        let mut addresses = addresses.split("http://").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
            rest[..end].parse().expect("an address")
        });
        let (gateway, admin) = (addresses.next().expect("the gateway's"), addresses.next().expect("the admin port's"));
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Serving { child, gateway, admin, folder }
    }

    /// Asks the gateway for `/`.
    pub(crate) fn get(&self) -> Answer {
        let mut stream = TcpStream::connect(self.gateway).expect("the gateway listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: hello.localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// What `rouse explain` says of the failure.
    pub(crate) fn explained_failure(&self) -> String {
        let explained = self.folder.rouse(&["explain", "hello", "--admin", &self.admin.to_string()]);
        assert_eq!((explained.code, explained.err.as_str()), (Some(0), ""));
        let line = explained.out.lines().find_map(|line| line.strip_prefix("failure"));
        line.unwrap_or_else(|| panic!("no failure in {}", explained.out)).trim().to_owned()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        let status = self.child.wait();
        if !std::thread::panicking() {
            assert!(status.is_ok_and(|status| status.success()), "SIGTERM ends it well");
        }
    }
}
