//! `rouse run` applies edits of its files while it serves, or refuses them as a whole: the real command, real processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// `rouse run` of a directory; both are gone when this is dropped.
struct Rouse {
    child: Child,
    folder: PathBuf,
    gateway: SocketAddr,
    lines: Receiver<String>,
}

impl Rouse {
    fn start(name: &str, manifest: &str) -> Rouse {
        let folder = std::env::temp_dir().join(format!("rouse-live-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(folder.join("app.yaml"), manifest).expect("the folder is ours");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rouse"))
            .args(["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "."])
            .current_dir(&folder)
            .env_remove("ROUSE_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .expect("rouse starts");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut rouse = Rouse { child, folder, gateway: ([127, 0, 0, 1], 0).into(), lines };
        let serving = rouse.says("serving");
        let at = serving.split("http://").nth(1).expect("it says where");
        rouse.gateway = at.split(' ').next().and_then(|at| at.parse().ok()).expect("an address");
        rouse
    }

    /// Waits for a line with this in it.
    fn says(&self, what: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it never says {what:?}"));
            if line.contains(what) {
                return line;
            }
        }
    }

    /// Replaces the file at once, as editors do.
    fn edit(&self, manifest: &str) {
        let new = self.folder.join("new");
        std::fs::write(&new, manifest).expect("the folder is ours");
        std::fs::rename(new, self.folder.join("app.yaml")).expect("the folder is ours");
    }

    /// The number that the next file it opens will have.
    #[cfg(target_os = "linux")]
    fn next_file(&self) -> u64 {
        let is_open = |file: &u64| std::fs::symlink_metadata(format!("/proc/{}/fd/{file}", self.child.id())).is_ok();
        let next = || (0..).find(|file| !is_open(file)).expect("there is a limit");
        (0..100).map(|_| next()).min().expect("there are a hundred") // now and then it looks at its manifests
    }

    /// Lets it have only files with a number below `most`, and says what the limit was.
    #[cfg(target_os = "linux")]
    fn limit_files(&self, most: u64) -> u64 {
        use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(most), maximum };
        let before = prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).expect("it is ours");
        before.current.expect("there is a limit")
    }

    /// The body of the answer to `path` at the gateway.
    fn get(&self, path: &str) -> String {
        ask(self.gateway, path)
    }
}

impl Drop for Rouse {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        let status = self.child.wait();
        std::fs::remove_dir_all(&self.folder).ok();
        if !std::thread::panicking() {
            assert!(status.is_ok_and(|status| status.success()), "SIGTERM ends it well");
        }
    }
}

/// The body of the answer to `path`, which must be 200.
#[track_caller]
fn ask(address: SocketAddr, path: &str) -> String {
    let answer = answer(address, path);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

fn answer(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nHost: hello.localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// A Deployment whose app answers with `answer`.
fn deployment(answer: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: hello, annotations: {{ {annotations} }} }}\nspec: {{ \
         template: {{ metadata: {{ labels: {{ app: hello }} }}, spec: {{ containers: [{{ command: [rouse, sample, \
         --name, {answer}] }}] }} }} }}\n"
    )
}

fn service(port: u16) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: hello }}\nspec: {{ selector: {{ app: hello }}, ports: \
         [{{ port: {port} }}] }}\n"
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port").port()
}

#[test]
fn a_changed_template_rolls_under_load_and_no_request_is_lost() {
    let rouse = Rouse::start("template", &deployment("one", ""));
    let first = rouse.get("/");
    assert!(first.starts_with("hello from one pod"), "{first}");
    let address = rouse.gateway;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                // Each checks its answers, until one is from the new app, and then some more.
                while ask(address, "/?sleep=20ms").contains(" one ") {}
                (0..20).for_each(|_| assert!(ask(address, "/").starts_with("hello from two pod"), "never back"));
            })
        })
        .collect();
    rouse.edit(&deployment("two", ""));
    rouse.says("hello: edited: its pods are replaced");
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn settings_apply_to_the_same_process() {
    let rouse = Rouse::start("settings", &deployment("one", ""));
    let first = rouse.get("/");
    rouse.edit(&deployment("one", "rouse.dev/container-concurrency: '1', rouse.dev/timeout: 7s"));
    rouse.says("hello: edited: new settings apply");
    assert_eq!(rouse.get("/"), first);
}

#[test]
fn a_broken_edit_is_refused_with_its_message_and_the_old_state_stays() {
    let rouse = Rouse::start("broken", &deployment("one", ""));
    let first = rouse.get("/");
    let broken = deployment("two", "rouse.dev/timeot: 7s");
    rouse.edit(&broken);
    rouse.says("warn: the edit is refused and nothing of it applies:");
    let why = rouse.says("hello");
    let says = "./app.yaml: Deployment default/hello: rouse.dev/timeot: is not a word of Rouse; did you mean \
                rouse.dev/timeout?";
    assert_eq!(why, says);
    assert_eq!(rouse.get("/"), first);
    rouse.edit(&deployment("one", ""));
    rouse.says("the files are edited; nothing changes");
    assert_eq!(rouse.get("/"), first);
}

#[test]
fn ports_open_and_close_and_one_in_use_refuses_the_whole_edit() {
    let rouse = Rouse::start("ports", &deployment("one", ""));
    let (port, other) = (free_port(), free_port());
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    rouse.edit(&(deployment("one", "") + &service(port)));
    rouse.says("hello: edited");
    let first = ask(at(port), "/");

    let taken = TcpListener::bind(at(other)).unwrap();
    rouse.edit(&(deployment("two", "") + &service(other)));
    rouse.says("the edit is refused");
    let why = rouse.says("port");
    let says = format!(
        "./app.yaml: Deployment default/hello: Service port {other}: 127.0.0.1:{other} is in use by another process: \
         change the Service's `port`"
    );
    assert_eq!(why, says);
    assert_eq!(ask(at(port), "/"), first, "neither the port nor the template");

    drop(taken);
    rouse.edit(&(deployment("one", "rouse.dev/timeout: 7s") + &service(other)));
    rouse.says("hello: edited");
    while TcpStream::connect(at(port)).is_ok() {
        std::thread::sleep(Duration::from_millis(5)); // said before it is done
    }
    assert_eq!(ask(at(other), "/"), first);
}

#[cfg(target_os = "linux")] // where a process can be limited from outside
#[test]
fn a_port_that_the_system_gives_no_handles_for_refuses_the_whole_edit() {
    let rouse = Rouse::start("handles", &deployment("one", ""));
    let port = free_port();
    // Room for one file more: to read the edit, or to bind the port, but not to listen there.
    let before = rouse.limit_files(rouse.next_file() + 1);
    rouse.edit(&(deployment("two", "") + &service(port)));
    rouse.says("warn: the edit is refused and nothing of it applies:");
    let why = rouse.says("hello");
    let what = format!("./app.yaml: Deployment default/hello: Service port {port}: cannot be listened on: ");
    assert!(why.starts_with(&what), "{why}");
    rouse.limit_files(before);
    assert!(rouse.get("/").starts_with("hello from one pod"), "neither the port nor the template");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_file_that_comes_is_served_and_one_that_goes_is_not() {
    let rouse = Rouse::start("files", &deployment("one", ""));
    rouse.get("/");
    let world = deployment("two", "").replace("name: hello", "name: world");
    std::fs::write(rouse.folder.join("world.yaml"), world).unwrap();
    rouse.says("world: new, at");
    std::fs::remove_file(rouse.folder.join("app.yaml")).unwrap();
    rouse.says("hello: removed");
    // The only one there is, so any host leads to it; said before it is done.
    while !answer(rouse.gateway, "/").contains("hello from two pod") {}
    assert!(rouse.get("/").starts_with("hello from two pod"));
}
