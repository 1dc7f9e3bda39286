//! The binary beside a pod, over loopback: what it says from its start to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use config::link::{Down, Reporter, Up};
use config::{PodState, Serving};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::server::{ServerLink, pod, serve, workload};

/// Long enough for the slowest machine; nothing here waits that long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Free now; another process may take it before the binary does, but hardly out of 28,000.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An app that answers every request with `hello`, one per connection.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A probe connects and says nothing.
            if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
            }
        }
    });
    address
}

async fn get(address: SocketAddr, path: &'static str) -> String {
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    asked.await.unwrap()
}

/// Accepts Links over TCP.
async fn autoscaler() -> (SocketAddr, mpsc::Receiver<ServerLink>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, links) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, sender.clone());
        }
    });
    (address, links)
}

fn start(autoscaler: SocketAddr, serving: SocketAddr, admin: SocketAddr) -> Child {
    Command::new(env!("CARGO_BIN_EXE_queue-proxy"))
        .env_clear()
        .env("QUEUE_SERVING_PORT", serving.port().to_string())
        .env("USER_PORT", app().port().to_string())
        .env("ROUSE_LISTEN_ADDRESS", "127.0.0.1")
        .env("ROUSE_ADMIN_PORT", admin.port().to_string())
        .env("ROUSE_METRICS_PORT", free().port().to_string())
        .env("ROUSE_DRAIN_QUIET", "0.1")
        .env("ROUSE_AUTOSCALER", autoscaler.to_string())
        .env("ROUSE_WORKLOAD", workload().to_string())
        .env("ROUSE_POD", pod().as_str())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What is said next, other than that it lives.
async fn next(link: &mut ServerLink) -> Option<Up> {
    loop {
        match timeout(DEADLINE, link.next()).await.unwrap() {
            Some(Up::Heartbeat { .. }) => {}
            frame => return frame,
        }
    }
}

async fn state(link: &mut ServerLink) -> PodState {
    match next(link).await {
        Some(Up::State { state, .. }) => state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_hello_reports_obeys_and_says_its_last() {
    let (autoscaler, mut links) = autoscaler().await;
    let (serving, admin) = (free(), free());
    let mut proxy = start(autoscaler, serving, admin);
    let mut link = timeout(DEADLINE, links.recv()).await.unwrap().unwrap();

    let Some(Up::Hello { reporter, workload: of, address, .. }) = next(&mut link).await else { panic!("no Hello") };
    assert_eq!((reporter, of, address), (Reporter::Pod(pod()), Some(workload()), serving));
    let mut now = state(&mut link).await;
    while now != PodState::Ready {
        assert_eq!(now, PodState::Starting);
        now = state(&mut link).await;
    }
    link.say(&Down::Welcome { incarnation: 1, heartbeat: Duration::from_secs(5) }).await;
    let told = Serving { container_concurrency: 7, ..Serving::default() };
    link.say(&Down::Settings { workload: workload(), serving: told, watermark: 7 }).await;

    assert!(get(serving, "/").await.ends_with("hello"));
    let report = timeout(DEADLINE, link.report()).await.unwrap();
    assert_eq!((report.seq, report.arrived, report.peak), (1, 1, 1));
    let mut metrics = String::new();
    while !metrics.contains("\nrouse_link_unacknowledged 0\n") {
        // Of all that was said: the request may have crossed a whole second, and then there are two reports.
        link.say(&Down::Ack { seq: u64::MAX }).await;
        metrics = get(admin, "/metrics").await;
    }
    assert!(metrics.contains("\nrouse_link_connected 1\n"), "{metrics}");
    assert!(metrics.contains("\nrouse_queue_proxy_slots 7\n"), "{metrics}");

    assert!(get(serving, "/").await.ends_with("hello"));
    let pid = proxy.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let (mut drains, mut arrived, mut answered) = (false, 0, 0);
    loop {
        match next(&mut link).await {
            Some(Up::State { state, .. }) => drains = state == PodState::Draining,
            Some(Up::Report { report, .. }) => arrived += report.arrived,
            Some(Up::Latency { latency, .. }) => {
                answered += latency.answered.iter().map(|(_, count)| count).sum::<u64>();
            }
            Some(Up::Left { workload: of, .. }) => {
                assert_eq!(of, workload());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((drains, arrived), (true, 1));
    assert!(answered >= 1, "it also says how long requests took since it last did");
    assert_eq!(next(&mut link).await, None);
    drop(link);
    assert_eq!(timeout(DEADLINE, proxy.wait()).await.unwrap().unwrap().code(), Some(0));
}

/// A metric's kind and labels.
type Metric = (String, BTreeSet<String>);

/// The rows of the list in `metrics.rs`.
fn listed() -> BTreeMap<String, Metric> {
    let rows = include_str!("../../src/metrics.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| {
        let (metric, what) = row.split_once("` | ").unwrap();
        let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
        let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
        (name.to_owned(), (what.split(':').next().unwrap().to_owned(), labels.map(str::to_owned).collect()))
    })
    .collect()
}

/// What a page of Prometheus' text format has.
fn exported(page: &str) -> BTreeMap<String, Metric> {
    let mut all = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            current = name.to_owned();
            assert_eq!(all.insert(current.clone(), (kind.to_owned(), BTreeSet::new())), None, "{name} comes once");
        } else {
            let rest = line.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line} below {current}"));
            let labels = rest.split_once('{').map_or("", |(_, labels)| labels.split('}').next().unwrap_or_default());
            let names = labels.split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
            all.get_mut(&current).unwrap().1.extend(names.filter(|name| name != "le"));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_metrics_are_those_of_the_list() {
    let (serving, admin) = (free(), free());
    let _proxy = start(free(), serving, admin);
    while TcpStream::connect(serving).is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(get(serving, "/").await.ends_with("hello"));
    let answer = get(admin, "/metrics").await;
    let page = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(exported(page), listed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_autoscaler_it_serves_and_ends_all_the_same() {
    let (serving, admin) = (free(), free());
    let mut proxy = start(free(), serving, admin);
    while TcpStream::connect(serving).is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(get(serving, "/").await.ends_with("hello"));
    assert!(get(admin, "/metrics").await.contains("\nrouse_link_connected 0\n"));
    let pid = proxy.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert_eq!(timeout(DEADLINE, proxy.wait()).await.unwrap().unwrap().code(), Some(0));
}
