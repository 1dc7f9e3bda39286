//! The binary itself, over loopback.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// Long enough for the slowest machine; nothing here waits that long.
const DEADLINE: Duration = Duration::from_secs(30);

struct QueueProxy {
    child: Child,
    serving: SocketAddr,
    admin: SocketAddr,
    metrics: SocketAddr,
}

impl QueueProxy {
    fn start(app: SocketAddr) -> QueueProxy {
        // Free now; another process may take one before the binary does, but hardly out of 28,000.
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (serving, admin, metrics) = (free(), free(), free());
        let child = Command::new(env!("CARGO_BIN_EXE_queue-proxy"))
            .env_clear()
            .env("QUEUE_SERVING_PORT", serving.port().to_string())
            .env("USER_PORT", app.port().to_string())
            .env("CONTAINER_CONCURRENCY", "10")
            .env("ROUSE_LISTEN_ADDRESS", "127.0.0.1")
            .env("ROUSE_ADMIN_PORT", admin.port().to_string())
            .env("ROUSE_METRICS_PORT", metrics.port().to_string())
            .env("ROUSE_DRAIN_QUIET", "0.1")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        QueueProxy { child, serving, admin, metrics }
    }

    /// Waits until a GET of `path` is answered with `status`; returns the whole answer.
    fn until(&self, address: SocketAddr, path: &str, header: &str, status: u16) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let answer = get(address, path, header).unwrap_or_default();
            if answer.starts_with(&format!("HTTP/1.1 {status} ")) {
                return answer;
            }
            assert!(Instant::now() < end, "{path}: {answer}");
            std::thread::yield_now();
        }
    }
}

impl Drop for QueueProxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn get(address: SocketAddr, path: &str, header: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{header}\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// An app that answers every request with `hello`, one per connection.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            // A probe connects and says nothing.
            let asked = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            if asked > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
            }
        }
    });
    address
}

#[test]
fn it_serves_reports_and_drains() {
    let mut proxy = QueueProxy::start(app());
    proxy.until(proxy.serving, "/", "K-Network-Probe: queue\r\n", 200);
    let answer = get(proxy.serving, "/", "").unwrap();
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");

    let metrics = proxy.until(proxy.admin, "/metrics", "", 200);
    assert!(metrics.contains("rouse_queue_proxy_request_duration_seconds_count{code_class=\"2xx\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\nrouse_queue_proxy_ready 1\n"), "{metrics}");

    // Whoever scrapes can do nothing else.
    assert!(proxy.until(proxy.metrics, "/metrics", "", 200).contains("\nrouse_queue_proxy_ready 1\n"));
    for path in ["/wait-for-drain", "/healthz", "/"] {
        proxy.until(proxy.metrics, path, "", 404);
    }
    proxy.until(proxy.serving, "/", "K-Network-Probe: queue\r\n", 200);

    // As kubelets of Kubernetes 1.20 write it, who take any answer for the end of the wait.
    let drained = get(proxy.admin, "//wait-for-drain", "").unwrap();
    assert!(drained.ends_with("drained"), "{drained}");
    proxy.until(proxy.serving, "/", "K-Network-Probe: queue\r\n", 503);
    assert!(get(proxy.serving, "/", "").unwrap().ends_with("hello"), "what still comes is served");

    let pid = proxy.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(proxy.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_wrong_environment_is_told_in_full_and_ends_with_64() {
    let output = Command::new(env!("CARGO_BIN_EXE_queue-proxy"))
        .env_clear()
        .env("USER_PORT", "no")
        .env("ROUSE_NONSENSE", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let problems = String::from_utf8(output.stderr).unwrap();
    assert_eq!(problems.lines().count(), 3, "{problems}");
}
