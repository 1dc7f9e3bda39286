//! A real server in a directory of its own, for as long as a test has it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

/// Where servers are that are in nobody's PATH.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/lib/rabbitmq/bin", "/usr/local/bin"];

/// The binary of that name; none, which is said, if it is not installed. `variable` may name another.
pub(crate) fn found(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(PLACES.map(PathBuf::from));
    let binary = places.map(|place| place.join(name)).find(|binary| binary.is_file());
    if binary.is_none() {
        assert!(std::env::var("ROUSE_SERVERS").as_deref() != Ok("required"), "there is no {name}");
        println!("SKIPPED: there is no {name} (or {variable})");
    }
    binary
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A directory that goes with it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("rouse-{name}-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that runs, and ends with this, with all that it started.
#[derive(Debug)]
pub(crate) struct Server(Child);

impl Server {
    /// Starts it; what it says goes nowhere.
    pub(crate) fn start(command: &mut Command) -> Server {
        use std::os::unix::process::CommandExt;
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Server(command.spawn().unwrap())
    }

    /// Kills it.
    pub(crate) fn stop(self) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        // The whole group: some servers are scripts that start the real one.
        let group = self.0.id().to_string();
        let _sent = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
        let _ended = self.0.wait();
    }
}

/// Waits until somebody listens on `port`.
pub(crate) async fn listening(port: u16) {
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody listens on {port} after a minute");
}
