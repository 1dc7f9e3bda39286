//! A pod that has no slot gives a request back; it waits where it stood and is offered again.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::time::Duration;

use activator::HoldLimits;
use bytes::Bytes;
use config::{Serving, bounds};
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::remote::counted_at_gates;
use crate::support::{Stage, get};

const MILLI: Duration = Duration::from_millis(1);

/// Reads one request without a body, to the end of its head.
pub(crate) async fn head(stream: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap().to_ascii_lowercase()
}

pub(crate) async fn refuse(stream: &mut DuplexStream) {
    let refusal = "HTTP/1.1 503 Service Unavailable\r\nrouse-refused: 1\r\nrouse-reason: pod-busy\r\n";
    stream.write_all(format!("{refusal}content-length: 4\r\n\r\nbusy").as_bytes()).await.unwrap();
}

pub(crate) async fn accept(stream: &mut DuplexStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\nrouse-refused: 1\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_is_served_in_its_turn_when_the_pod_has_a_slot() {
    let stage = Stage::new(1);
    let remote = stage.remote_pod("one");
    stage.activator.set_remote_pod(&remote.pod);
    // A client that does not come by this activator has the only slot.
    let direct = stage.send_to(remote.front.clone().unwrap(), get(600 * MILLI, 99));
    tokio::time::sleep(MILLI).await;
    let mut asked = Vec::new();
    for number in 0..5 {
        asked.push(stage.send(get(10 * MILLI, number)));
        tokio::time::sleep(MILLI).await;
    }
    tokio::time::sleep(500 * MILLI).await;
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.open, snapshot.counts.retried), (5, 0));
    assert!(snapshot.counts.refused > u64::from(bounds::FORWARD_TRIES), "{}", snapshot.counts.refused);
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status, answer.headers.get("rouse-refused")), (StatusCode::OK, None));
    }
    direct.await.unwrap();
    assert_eq!(*remote.app.numbers.lock(), [99, 0, 1, 2, 3, 4]);
    assert_eq!(counted_at_gates([&remote]).1, 6, "a refusal is no arrival");
    assert_eq!((stage.snapshot().open, stage.snapshot().held), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_mark_is_the_activators_own() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let mut request = get(MILLI, 0);
    request.headers_mut().insert("rouse-may-refuse", "0".parse().unwrap());
    request.headers_mut().append("rouse-may-refuse", "1".parse().unwrap());
    let answer = stage.send(request);
    let mut stream = connections.recv().await.unwrap();
    let head = head(&mut stream).await;
    assert_eq!(head.matches("rouse-may-refuse: 1\r\n").count(), 1, "{head}");
    assert_eq!(head.matches("rouse-may-refuse").count(), 1, "{head}");
    accept(&mut stream).await;
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.headers.get("rouse-refused")), (StatusCode::OK, None));
}

#[tokio::test(start_paused = true)]
async fn a_bare_pod_sees_no_mark() {
    let stage = Stage::new(0);
    let address = stage.address();
    let mut connections = stage.listener(address);
    stage.activator.set_remote_pod(&stage.remote_at("bare", address, false));
    let mut request = get(MILLI, 0);
    request.headers_mut().insert("rouse-may-refuse", "1".parse().unwrap());
    let answer = stage.send(request);
    let mut stream = connections.recv().await.unwrap();
    let head = head(&mut stream).await;
    assert!(!head.contains("rouse-may-refuse"), "{head}");
    accept(&mut stream).await;
    assert_eq!(answer.await.unwrap().status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn its_connection_is_used_again_after_a_moment_of_peace() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let answer = stage.get(Duration::ZERO);
    let mut stream = connections.recv().await.unwrap();
    head(&mut stream).await;
    refuse(&mut stream).await;
    let refused_at = stage.now();
    stage.until(|snapshot| snapshot.held == 1).await;
    head(&mut stream).await;
    let waited = stage.now().since(refused_at);
    assert!(bounds::PASS_OVER.start <= waited && waited <= bounds::PASS_OVER.end, "{waited:?}");
    accept(&mut stream).await;
    assert_eq!(answer.await.unwrap().status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn it_is_offered_at_once_when_another_of_ours_ends_there() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let first = stage.get(Duration::ZERO);
    let mut running = connections.recv().await.unwrap();
    head(&mut running).await;
    let second = stage.get(Duration::ZERO);
    let mut refused = connections.recv().await.unwrap();
    head(&mut refused).await;
    refuse(&mut refused).await;
    stage.until(|snapshot| snapshot.held == 1).await;
    let before = stage.now();
    accept(&mut running).await;
    first.await.unwrap();
    tokio::select! {
        _ = head(&mut running) => accept(&mut running).await,
        _ = head(&mut refused) => accept(&mut refused).await,
    }
    assert_eq!(stage.now(), before, "no pause");
    assert_eq!(second.await.unwrap().status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn only_the_holds_end_limits_how_often_it_is_refused() {
    let timeout = Duration::from_secs(2);
    let serving = Serving { timeout, response_start_timeout: timeout, ..Serving::default() };
    let stage = Stage::with(serving, HoldLimits::default());
    let mut connections = stage.played_pod("one");
    let before = stage.now();
    let answer = stage.get(Duration::ZERO);
    tokio::spawn(async move {
        let mut stream = connections.recv().await.unwrap();
        loop {
            head(&mut stream).await;
            refuse(&mut stream).await;
        }
    });
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.reason()), (StatusCode::GATEWAY_TIMEOUT, Some("hold-timeout")));
    assert_eq!(stage.now().since(before), timeout);
    assert!(stage.snapshot().counts.refused >= 40, "{:?}", stage.snapshot().counts);
    assert_eq!((stage.snapshot().open, stage.snapshot().pods[0].in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_its_request_goes_to_and_fro_leaves_nothing() {
    let stage = Stage::new(1);
    let remote = stage.remote_pod("one");
    stage.activator.set_remote_pod(&remote.pod);
    let direct = stage.send_to(remote.front.clone().unwrap(), get(400 * MILLI, 0));
    tokio::time::sleep(MILLI).await;
    for millis in 0..60 {
        let client = stage.send(get(10 * MILLI, 1));
        tokio::time::sleep(millis * MILLI / 10).await;
        client.abort();
    }
    direct.await.unwrap();
    tokio::time::sleep(100 * MILLI).await;
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.open, snapshot.held, snapshot.pods[0].in_flight), (0, 0, 0));
    assert_eq!(remote.front.unwrap().gate().inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_app_is_gone_is_given_up_after_a_few_tries() {
    let stage = Stage::new(1);
    let mut connections = stage.played_pod("one");
    let answer = stage.send(Request::get("/").header("host", "app.localhost").body(Full::<Bytes>::default()).unwrap());
    tokio::spawn(async move {
        let mut stream = connections.recv().await.unwrap();
        loop {
            head(&mut stream).await;
            let refusal =
                "HTTP/1.1 503 x\r\nrouse-refused: 1\r\nrouse-reason: app-unreachable\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refusal.as_bytes()).await.unwrap();
        }
    });
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.reason()), (StatusCode::BAD_GATEWAY, Some("app-unreachable")));
    assert_eq!(stage.snapshot().counts.retried, u64::from(bounds::FORWARD_TRIES - 1));
}
