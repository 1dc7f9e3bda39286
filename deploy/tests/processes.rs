//! The real binaries on loopback: an autoscaler, two activators, and two pods, each a queue-proxy and an app.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use config::bounds;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process, killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Running {
    fn start(mut command: Command) -> Running {
        Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }

    fn terminate(self) {
        self.tell_to_end();
        self.ends_well();
    }

    fn tell_to_end(&self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it runs");
    }

    fn ends_well(mut self) {
        assert!(self.0.wait().is_ok_and(|status| status.success()), "SIGTERM ends it well");
    }
}

/// A port of loopback that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

fn rouse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rouse"));
    command.args(arguments);
    command
}

struct Town {
    folder: PathBuf,
    link: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Town {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Town {
    fn new(name: &str) -> Town {
        let folder = std::env::temp_dir().join(format!("rouse-processes-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let town = Town { folder, link: free(), admin: free() };
        town.list(&[]);
        town
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The pods that there are: names, addresses, and whether a queue-proxy is there.
    fn list(&self, pods: &[(&str, SocketAddr, bool)]) {
        let line = |(name, at, has_queue_proxy): &(&str, SocketAddr, bool)| {
            format!("{{ name: {name}, address: '{at}', queueProxy: {has_queue_proxy} }}")
        };
        let pods: Vec<_> = pods.iter().map(line).collect();
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: hello, annotations: {{ \
             rouse.dev/container-concurrency: \"1\", autoscaling.knative.dev/max-scale: \"2\" }} }}\nspec: {{ \
             template: {{ spec: {{ containers: [{{ command: [rouse, sample] }}] }} }} }}\n---\napiVersion: \
             rouse.dev/v1\nkind: Pods\nworkload: hello\npods: [{}]\n",
            pods.join(", ")
        );
        std::fs::write(self.folder.join("new"), text).expect("the folder is ours");
        std::fs::rename(self.folder.join("new"), self.folder.join("town.yaml")).expect("the folder is ours");
    }

    fn autoscaler(&self) -> Running {
        let (file, wishes) = (format!("static:{}", self.path("town.yaml")), self.path("wishes.json"));
        let (link, admin) = (self.link.to_string(), self.admin.to_string());
        let ports = ["--listen", &link, "--admin", &admin];
        let mut command = rouse(&["autoscaler", "--platform", &file, "--wishes", &wishes, "--sync-after", "1s"]);
        command.args(ports);
        Running::start(command)
    }

    fn activator(&self, name: &str) -> (Running, SocketAddr) {
        let (gateway, admin) = (free(), free());
        let (listen, asked, link) = (gateway.to_string(), admin.to_string(), self.link.to_string());
        let flags = ["--autoscaler", &link, "--listen", &listen, "--admin", &asked, "--drain-quiet", "200ms"];
        let mut command = rouse(&["activator", "--name", name]);
        command.args(flags);
        let running = Running::start(command);
        eventually("the activator is ready", || ask(admin, "/readyz").is_some_and(|answer| answer.contains("200 OK")));
        (running, gateway)
    }

    /// A pod: an app, and in front of it a queue-proxy.
    fn pod(&self, name: &str) -> (SocketAddr, [Running; 2]) {
        let (front, admin, metrics) = (free(), free(), free());
        let (app, app_runs) = app();
        let mut command = Command::new(queue_proxy());
        command.env_clear(); // words of ours that it does not know are errors, and tests are told things by such
        let own = [("QUEUE_SERVING_PORT", front), ("USER_PORT", app), ("ROUSE_ADMIN_PORT", admin)];
        for (variable, at) in own.into_iter().chain([("ROUSE_METRICS_PORT", metrics)]) {
            command.env(variable, at.port().to_string());
        }
        command.env("ROUSE_LISTEN_ADDRESS", "127.0.0.1").env("ROUSE_AUTOSCALER", self.link.to_string());
        command.env("ROUSE_WORKLOAD", "default/Deployment/hello").env("ROUSE_POD", name);
        command.env("CONTAINER_CONCURRENCY", "1");
        (front, [app_runs, Running::start(command)])
    }

    fn wanted(&self) -> u32 {
        let text = std::fs::read(self.folder.join("wishes.json")).unwrap_or_default();
        let wishes: Option<std::collections::BTreeMap<String, u32>> = serde_json::from_slice(&text).ok();
        wishes.and_then(|wishes| wishes.get("default/Deployment/hello").copied()).unwrap_or(0)
    }
}

fn app() -> (SocketAddr, Running) {
    let at = free();
    let mut command = rouse(&["sample"]);
    command.env("PORT", at.port().to_string());
    (at, Running::start(command))
}

/// The binary beside `rouse`: a test of another package than its own is not told where it is.
fn queue_proxy() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_rouse")).with_file_name("queue-proxy")
}

fn ask(at: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: hello.localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let late = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < late, "{what}: never");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_activators_serve_from_zero_and_through_a_restart_of_the_autoscaler_without_losing_a_request() {
    if !queue_proxy().exists() {
        // `cargo test --workspace` builds it; a test of this package alone does not.
        eprintln!("left out: there is no queue-proxy beside rouse");
        return;
    }
    let town = Town::new("restart");
    let autoscaler = town.autoscaler();
    let activators = [town.activator("one"), town.activator("two")];
    let gateways = [activators[0].1, activators[1].1];
    let answered = |at: SocketAddr| {
        let answer = ask(at, "/?sleep=100ms").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    std::thread::scope(|scope| {
        let first: Vec<_> = gateways.iter().map(|at| scope.spawn(|| answered(*at))).collect();
        eventually("a pod is wanted", || town.wanted() > 0);
        let (one, _one_runs) = town.pod("hello-1");
        let (two, _two_runs) = town.pod("hello-2");
        town.list(&[("hello-1", one, true), ("hello-2", two, true)]);
        first.into_iter().for_each(|client| client.join().expect("both are answered"));
        let explained = || ask(town.admin, "/v1/workloads/default/Deployment/hello").unwrap_or_default();
        eventually("where the time of what both held went", || explained().matches("first-byte").count() == 2);
        let whole = ["decided", "asked", "placed", "hello", "ready", "handed-over"];
        let explained = explained();
        assert!(whole.iter().all(|phase| explained.contains(phase)), "{explained}");

        let clients: Vec<_> = gateways.iter().map(|at| scope.spawn(|| (0..40).for_each(|_| answered(*at)))).collect();
        eventually("two at once want two pods", || town.wanted() == 2);
        autoscaler.terminate();
        std::thread::sleep(Duration::from_millis(500));
        let _autoscaler = town.autoscaler();
        clients.into_iter().for_each(|client| client.join().expect("all are answered"));
        eventually("the new one knows both pods", || {
            ask(town.admin, "/v1/workloads").is_some_and(|answer| answer.contains("\"ready\":2"))
        });
        assert_eq!(town.wanted(), 2, "a restart lowers nothing");
        let [one, two] = activators;
        one.0.terminate();
        answered(gateways[1]);
        two.0.terminate();
    });
}

#[test]
fn an_activator_that_is_told_to_end_waits_for_a_websocket_to_close() {
    let town = Town::new("websocket");
    let (app, _app) = app();
    town.list(&[("hello-1", app, false)]);
    let _autoscaler = town.autoscaler();
    let (activator, gateway) = town.activator("one");
    eventually("the app is served", || ask(gateway, "/").is_some_and(|answer| answer.contains("200 OK")));
    let stream = TcpStream::connect(gateway).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let (mut socket, _) = tungstenite::client("ws://hello.localhost/ws", stream).expect("a WebSocket opens");
    echoes(&mut socket, "before");
    activator.tell_to_end();
    let is_closed = || {
        // Not often, for whoever connects keeps it from closing; and so that it would have ended by then.
        std::thread::sleep(2 * bounds::LINK_LAST_WORDS);
        TcpStream::connect(gateway).is_err()
    };
    assert!((0..20).any(|_| is_closed()), "its port closes");
    echoes(&mut socket, "after");
    socket.close(None).expect("it is open");
    while socket.read().is_ok() {}
    drop(socket);
    activator.ends_well();
}

#[track_caller]
fn echoes(socket: &mut WebSocket<TcpStream>, text: &str) {
    socket.send(Message::text(text)).expect("it is open");
    assert_eq!(socket.read().expect("it is open"), Message::text(text));
}
