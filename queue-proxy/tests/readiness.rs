//! Probes of an app, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use config::{Probe, ProbeKind, Serving};
use http::Response;
use queue_proxy::net::Network;
use queue_proxy::probe::{ProbeError, Prober, Surroundings};
use support::{Pod, app_address, echo, empty, full};
use tokio::time::{Instant, sleep};

fn probe(kind: ProbeKind) -> Probe {
    Probe {
        kind,
        period: Duration::from_secs(2),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        initial_delay: Duration::ZERO,
    }
}

fn http(path: &str) -> Probe {
    probe(ProbeKind::Http {
        path: path.to_owned(),
        port: None,
        headers: vec![("X-Probe".to_owned(), "yes".to_owned())],
    })
}

fn prober(pod: &Pod, probe: Probe) -> Prober {
    Prober::new(Network::Memory(pod.network.clone()), app_address(), Some(probe), None)
}

async fn millis(future: impl Future<Output = ()>) -> u128 {
    let start = Instant::now();
    future.await;
    Instant::now().duration_since(start).as_millis()
}

#[tokio::test(start_paused = true)]
async fn an_app_that_opens_its_port_late_is_ready_at_most_fifty_milliseconds_later() {
    let pod = Pod::without_app(&Serving::default());
    let (took, ()) = tokio::join!(millis(pod.front.ready()), async {
        sleep(Duration::from_millis(777)).await;
        assert!(!pod.front.is_ready());
        pod.run_app(echo);
    });
    assert!((777..=827).contains(&took), "{took}");
    assert!(pod.front.is_ready());
}

#[tokio::test(start_paused = true)]
async fn an_http_probe_takes_200_to_399() {
    let pod = Pod::with_app(&Serving::default(), |request| async move {
        assert_eq!(request.headers()["x-probe"], "yes");
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        Response::builder().status(status).body(empty()).unwrap()
    });
    for (status, is_ready) in [("200", true), ("204", true), ("302", true), ("404", false), ("500", false)] {
        let outcome = prober(&pod, http(status)).probe().await;
        assert_eq!(outcome.is_ok(), is_ready, "{status}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_does_not_answer_in_time_is_not_ready() {
    let pod = Pod::with_raw_app(&Serving::default(), |stream| async move {
        sleep(Duration::from_secs(60)).await;
        drop(stream);
    });
    assert!(matches!(prober(&pod, http("/")).probe().await, Err(ProbeError::Timeout(_))));
}

#[tokio::test(start_paused = true)]
async fn grpc_health_has_to_say_serving() {
    let status = Arc::new(AtomicU16::new(2));
    let says = Arc::clone(&status);
    let pod = Pod::with_app(&Serving::default(), move |request| {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        let says = says.load(Ordering::Relaxed) as u8;
        async move { Response::new(full(vec![0, 0, 0, 0, 2, 0x08, says])) }
    });
    let prober = prober(&pod, probe(ProbeKind::Grpc { port: None, service: "orders".to_owned() }));
    assert!(matches!(prober.probe().await, Err(ProbeError::Answer(_))));
    status.store(1, Ordering::Relaxed);
    prober.probe().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_that_speaks_no_http2_fails_a_grpc_probe() {
    let pod = Pod::with_raw_app(&Serving::default(), |stream| async move { drop(stream) });
    assert!(prober(&pod, probe(ProbeKind::Grpc { port: None, service: String::new() })).probe().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn successes_and_failures_count_in_a_row() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    // Fails once between two successes, and for good after ten tries.
    let pod = Pod::with_app(&Serving::default(), move |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let status = if n == 1 || n >= 10 { 503 } else { 200 };
        async move { Response::builder().status(status).body(empty()).unwrap() }
    });
    let prober = prober(&pod, Probe { success_threshold: 3, ..http("/") });
    prober.ready().await;
    assert_eq!(tries.load(Ordering::Relaxed), 5, "good, bad, good, good, good");
    let took = millis(async { drop(prober.failing().await) }).await;
    assert_eq!((tries.load(Ordering::Relaxed), took), (13, 8 * 2000));
}

#[tokio::test(start_paused = true)]
async fn a_probe_waits_for_its_initial_delay() {
    let pod = Pod::with_app(&Serving::default(), echo);
    let prober = prober(&pod, Probe { initial_delay: Duration::from_secs(7), ..http("/") });
    assert_eq!(millis(prober.ready()).await, 7000);
}

/// Real processes, so in real time.
#[tokio::test]
async fn an_exec_probe_runs_the_command_with_the_apps_environment() {
    let exec = |script: &str| {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let env = vec![("ANSWER".to_owned(), "42".to_owned())];
        let surroundings = Surroundings { env, dir: Some("/".into()) };
        let probe = Probe { timeout: Duration::from_secs(30), ..probe(ProbeKind::Exec { command }) };
        Prober::new(Network::Tcp, app_address(), Some(probe), Some(surroundings))
    };
    exec("test $ANSWER = 42 && test $PWD = /").probe().await.unwrap();
    assert!(matches!(exec("exit 1").probe().await, Err(ProbeError::Answer(_))));
}
