//! A pod that runs says how it is and what it sees, and does what it is told.

use std::sync::Arc;
use std::time::Duration;

use config::link::{Down, Up};
use config::{PodState, Protocol, Serving, WorkloadId};
use queue_proxy::drain::Cause;
use queue_proxy::link::{self, Link, LinkSettings, PodReports};
use queue_proxy::net::{MemoryNetwork, Network};
use queue_proxy::{Clock, Connections, Drain, Front};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};

use crate::server::{Autoscaler, ServerLink, pod, settings, workload};

pub(crate) struct Pod {
    pub(crate) network: MemoryNetwork,
    pub(crate) front: Arc<Front>,
    pub(crate) connections: Connections,
    pub(crate) reports: Arc<PodReports>,
    drain: Arc<Drain>,
    link: Link,
}

/// A pod whose app, which nobody runs, is at port 8080, linked.
pub(crate) async fn start() -> (Pod, Autoscaler, ServerLink) {
    start_as(Some(workload())).await
}

/// A pod that says it is of `workload`, if it knows.
async fn start_as(workload: Option<WorkloadId>) -> (Pod, Autoscaler, ServerLink) {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let serving = Serving { container_concurrency: 1, ..Serving::default() };
    let clock = Clock::wall();
    let app = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
    let front = Front::new(Network::Memory(network.clone()), app, &serving, clock);
    let connections = Connections::default();
    let drain = Drain::new(Arc::clone(&front), connections.clone(), Duration::ZERO);
    let (link, said, driver) = link::open(LinkSettings { clock, workload: workload.clone(), ..settings(&network) });
    let reports = Arc::new(PodReports::new(
        link.clone(),
        (workload, pod()),
        (Arc::clone(&front), serving),
        connections.clone(),
        Arc::clone(&drain),
    ));
    let running = Arc::clone(&reports);
    tokio::spawn(async move {
        tokio::join!(driver, running.say_state(), running.say_reports(), running.obey(said));
    });
    let server = autoscaler.welcome(1).await;
    (Pod { network, front, connections, reports, drain, link }, autoscaler, server)
}

async fn state(server: &mut ServerLink) -> PodState {
    loop {
        if let Up::State { pod: said, state } = server.next().await.expect("a state") {
            assert_eq!(said, pod());
            return state;
        }
    }
}

/// Whether the answer to one more request says that the connection closes.
async fn closes(client: &mut DuplexStream) -> bool {
    if client.write_all(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n").await.is_err() {
        return true;
    }
    let mut answer = [0; 4 << 10];
    let length = client.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).to_lowercase().contains("connection: close")
}

fn told(serving: Serving, watermark: u32) -> Down {
    Down::Settings { workload: workload(), serving, watermark }
}

#[tokio::test(start_paused = true)]
async fn settings_apply_to_a_running_pod_at_once_except_what_is_as_old_as_it() {
    let (pod, _autoscaler, mut server) = start().await;
    let _first = pod.front.gate().try_admit().unwrap();
    assert!(pod.front.gate().try_admit().is_none());
    let more = Serving { container_concurrency: 2, protocol: Protocol::H2c, ..Serving::default() };
    let other =
        Down::Settings { workload: "default/other".parse().unwrap(), serving: Serving::default(), watermark: 1 };
    server.say(&other).await;
    server.say(&told(more, 1)).await;
    sleep(Duration::from_millis(1)).await;
    let _second = pod.front.gate().try_admit().expect("a second slot");
    assert!(pod.front.gate().try_admit().is_none(), "what was said of another workload does not count");
}

#[tokio::test(start_paused = true)]
async fn above_the_watermark_a_report_is_due_at_once() {
    let (pod, _autoscaler, mut server) = start().await;
    server.say(&told(Serving::default(), 2)).await;
    sleep(Duration::from_millis(1)).await;
    // Early in a second, so that its end is far.
    let now = pod.front.clock().now();
    let next = config::Time::from_nanos((now.second() + 1) * 1_000_000_000 + 100_000_000);
    sleep(next.since(now)).await;
    let begin = Instant::now();
    let inside: Vec<_> = (0..3).map(|_| pod.front.gate().try_admit().unwrap()).collect();
    sleep(Duration::from_millis(1)).await;
    let report = server.report().await;
    assert_eq!((report.in_flight, report.arrived), (3, 3));
    assert!(Instant::now().duration_since(begin) < Duration::from_millis(100), "not at the end of the second");
    drop(inside);
}

#[tokio::test(start_paused = true)]
async fn it_reports_each_second_while_busy_and_nothing_when_idle() {
    let (pod, _autoscaler, mut server) = start().await;
    let inside = pod.front.gate().try_admit().unwrap();
    let mut last = server.report().await;
    for _ in 0..3 {
        let report = server.report().await;
        assert_eq!((report.from, report.to, report.seq), (last.to, last.to + Duration::from_secs(1), last.seq + 1));
        assert_eq!(report.concurrency(), 1.0);
        last = report;
    }
    drop(inside);
    server.report().await; // of the second in which it ended
    loop {
        server.say(&Down::Heartbeat).await;
        match server.next().await {
            Some(Up::Heartbeat { .. }) => break,
            Some(Up::Report { report, .. }) => assert_eq!(report.in_flight, 0),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_know_its_workload_keeps_its_reports_until_the_autoscaler_names_it() {
    let (pod, _autoscaler, mut server) = start_as(None).await;
    drop(pod.front.gate().try_admit().unwrap());
    sleep(Duration::from_secs(3)).await;
    assert_eq!(pod.link.status().kept, 0, "it would not know of what");
    server.say(&told(Serving::default(), 7)).await;
    let report = loop {
        if let Some(Up::Report { workload: of, report, .. }) = server.next().await {
            assert_eq!(of, workload());
            break report;
        }
    };
    assert_eq!((report.seq, report.arrived), (1, 1));
    let last = async {
        loop {
            match server.next().await.expect("its last words") {
                Up::Left { workload, .. } => break workload,
                _ => continue,
            }
        }
    };
    let (last, ()) = tokio::join!(last, pod.reports.last_words());
    assert_eq!(last, workload());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_comes_to_another_workload_serves_and_reports_as_that_one_says() {
    let (pod, mut autoscaler, mut server) = start_as(None).await;
    server.say(&told(Serving::default(), 7)).await;
    drop(pod.front.gate().try_admit().unwrap());
    assert_eq!(report_of(&mut server).await, (workload(), 1));
    // The autoscaler ends the Link of a pod whose labels have changed; it comes again and is told whose it is now.
    server.break_off();
    let mut server = autoscaler.welcome(1).await;
    let other: WorkloadId = "default/other".parse().unwrap();
    let serving = Serving { container_concurrency: 1, ..Serving::default() };
    server.say(&Down::Settings { workload: other.clone(), serving, watermark: 1 }).await;
    sleep(Duration::from_millis(1)).await;
    let inside = pod.front.gate().try_admit().unwrap();
    assert!(pod.front.gate().try_admit().is_none(), "by the other's settings");
    loop {
        // What nobody acknowledged is said again, as it was.
        match report_of(&mut server).await {
            (of, arrived) if of == other => break assert_eq!(arrived, 1),
            (of, _) => assert_eq!(of, workload()),
        }
    }
    drop(inside);
    let last = async {
        loop {
            if let Up::Left { workload, .. } = server.next().await.expect("its last words") {
                break workload;
            }
        }
    };
    let (last, ()) = tokio::join!(last, pod.reports.last_words());
    assert_eq!(last, other);
}

/// Of which workload the next report is, and how many requests had arrived by it.
async fn report_of(server: &mut ServerLink) -> (WorkloadId, u64) {
    loop {
        if let Up::Report { workload, report, .. } = server.next().await.expect("a report") {
            return (workload, report.arrived);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_says_how_many_requests_came_past_the_activator_and_each_counts_once() {
    let (pod, _autoscaler, mut server) = start().await;
    let inside = pod.front.gate().try_admit().unwrap(); // so that there is something to report each second
    server.report().await;
    let mut open = Vec::new();
    for mark in ["", "", "Rouse-May-Refuse: 1\r\n", "Rouse-May-Refuse: 0\r\n"] {
        let (mut client, theirs) = tokio::io::duplex(4 << 10);
        tokio::spawn(pod.connections.serve_memory(theirs, Arc::clone(&pod.front)));
        client.write_all(format!("GET / HTTP/1.1\r\nHost: app\r\n{mark}\r\n").as_bytes()).await.unwrap();
        open.push(client);
    }
    let report = server.report().await;
    assert_eq!((report.direct, report.direct_connections), (2, 2));
    let report = server.report().await;
    assert_eq!((report.direct, report.direct_connections), (0, 2));
    drop(inside);
}

#[tokio::test(start_paused = true)]
async fn a_pod_turns_clients_away_as_it_is_told_and_ends_when_its_platform_says_so() {
    let (pod, _autoscaler, mut server) = start().await;
    assert_eq!(state(&mut server).await, PodState::Starting);
    let (mut client, theirs) = tokio::io::duplex(4 << 10);
    tokio::spawn(pod.connections.serve_memory(theirs, Arc::clone(&pod.front)));
    server.say(&Down::Leave { pod: config::PodId::new("another") }).await;
    sleep(Duration::from_millis(1)).await;
    assert!(!closes(&mut client).await, "another was meant");
    server.say(&Down::Leave { pod: crate::server::pod() }).await;
    sleep(Duration::from_millis(1)).await;
    assert!(closes(&mut client).await);
    assert!(!pod.front.is_draining(), "it serves on");

    pod.drain.begin(Cause::Signal);
    assert_eq!(state(&mut server).await, PodState::Draining);
    pod.drain.done().await;
    drop(pod.front.gate().try_admit().unwrap());
    let (_, ()) = tokio::join!(
        async {
            assert_eq!(server.report().await.arrived, 3, "the client's two, and the last");
            assert!(matches!(server.next().await, Some(Up::Left { .. })));
            assert_eq!(server.next().await, None);
            drop(server);
        },
        pod.reports.last_words()
    );
}

#[tokio::test(start_paused = true)]
async fn without_an_autoscaler_the_last_words_take_a_second() {
    let (pod, autoscaler, server) = start().await;
    drop(autoscaler);
    server.break_off();
    let start = Instant::now();
    pod.reports.last_words().await;
    let took = Instant::now().duration_since(start);
    assert!(took <= Duration::from_millis(1001), "{took:?}");
    assert!(!pod.link.status().is_connected);
}
