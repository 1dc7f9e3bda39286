//! What a pod gave back goes to the next one whole: small bodies are kept, larger ones wait to be asked for.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use config::{Pod, PodState, Protocol, Serving, bounds};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::Connections;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::a_refused_request_keeps_its_place::{accept, head, refuse};
use crate::support::Stage;

/// A client's connection to the gateway.
fn client(stage: &Stage) -> DuplexStream {
    let (client, server) = tokio::io::duplex(1 << 20);
    tokio::spawn(Connections::default().serve_memory(server, stage.activator.gateway()));
    client
}

async fn post(client: &mut DuplexStream, length: usize, more: &str) {
    let head = format!("POST / HTTP/1.1\r\nhost: app.localhost\r\ncontent-length: {length}\r\n{more}\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
}

async fn read(stream: &mut DuplexStream, bytes: usize) -> Vec<u8> {
    let mut body = vec![0; bytes];
    stream.read_exact(&mut body).await.unwrap();
    body
}

async fn is_silent(stream: &mut DuplexStream, time: Duration) -> bool {
    tokio::time::timeout(time, stream.read_u8()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_small_one_that_the_client_sends_slowly() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let mut client = client(&stage);
    post(&mut client, 10, "").await;
    client.write_all(b"hello").await.unwrap();
    let mut first = connections.recv().await.unwrap();
    let seen = head(&mut first).await;
    assert!(seen.contains("rouse-may-refuse: 1") && !seen.contains("expect"), "{seen}");
    assert_eq!(read(&mut first, 5).await, b"hello");
    refuse(&mut first).await;
    let mut second = connections.recv().await.unwrap();
    head(&mut second).await;
    assert_eq!(read(&mut second, 5).await, b"hello", "what was kept");
    client.write_all(b"world").await.unwrap();
    assert_eq!(read(&mut second, 5).await, b"world", "and what came later");
    assert!(first.read_u8().await.is_err(), "the pod that refused hears no more of it");
    accept(&mut second).await;
    assert!(head(&mut client).await.starts_with("http/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_large_one_waits_until_a_pod_wants_it() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let mut client = client(&stage);
    let body: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    post(&mut client, body.len(), "").await;
    client.write_all(&body).await.unwrap();
    let mut first = connections.recv().await.unwrap();
    let seen = head(&mut first).await;
    assert!(seen.contains("rouse-may-refuse: 1") && seen.contains("expect: 100-continue"), "{seen}");
    assert!(is_silent(&mut first, bounds::MAY_REFUSE_WAIT).await, "no byte before it is asked for");
    refuse(&mut first).await;
    let mut second = connections.recv().await.unwrap();
    assert!(head(&mut second).await.contains("expect: 100-continue"));
    assert!(is_silent(&mut second, bounds::MAY_REFUSE_WAIT).await);
    second.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    assert!(read(&mut second, body.len()).await == body);
    accept(&mut second).await;
    assert!(head(&mut client).await.starts_with("http/1.1 200"), "the client sees no 100 that it did not ask for");
}

#[tokio::test(start_paused = true)]
async fn one_of_unknown_length_waits_as_well() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let mut client = client(&stage);
    let request = "POST / HTTP/1.1\r\nhost: app.localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut first = connections.recv().await.unwrap();
    head(&mut first).await;
    refuse(&mut first).await;
    let mut second = connections.recv().await.unwrap();
    assert!(head(&mut second).await.contains("expect: 100-continue"));
    second.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut second, 12).await, b"2\r\nhi\r\n0\r\n\r\n");
    accept(&mut second).await;
    assert!(head(&mut client).await.starts_with("http/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_know_of_it_gets_a_large_one_all_the_same() {
    let stage = Stage::new(0);
    let mut connections = stage.played_pod("one");
    let mut client = client(&stage);
    post(&mut client, 20_000, "").await;
    client.write_all(&[7; 20_000]).await.unwrap();
    let mut pod = connections.recv().await.unwrap();
    head(&mut pod).await;
    let before = stage.now();
    assert_eq!(read(&mut pod, 20_000).await, [7; 20_000]);
    assert_eq!(stage.now().since(before), bounds::CONTINUE_WAIT);
    accept(&mut pod).await;
    assert!(head(&mut client).await.starts_with("http/1.1 200"));
}

/// What the activator knows of `name` is that it was at `address` behind a queue-proxy, and is gone.
fn gone(stage: &Stage, name: &str, address: SocketAddr) -> Pod {
    Pod { state: PodState::Gone, ..stage.remote_at(name, address, true) }
}

/// An app need not answer `100 Continue`, and this one waits for the body.
#[tokio::test(start_paused = true)]
async fn a_large_one_that_came_back_goes_to_a_bare_pod_at_once() {
    for refuses in [true, false] {
        let stage = Stage::new(0);
        let (first_at, bare_at) = (stage.address(), stage.address());
        let mut connections = refuses.then(|| stage.listener(first_at));
        stage.activator.set_remote_pod(&stage.remote_at("first", first_at, true));
        let mut bare = stage.listener(bare_at);
        let mut client = client(&stage);
        post(&mut client, 20_000, "").await;
        client.write_all(&[7; 20_000]).await.unwrap();
        if let Some(connections) = &mut connections {
            let mut first = connections.recv().await.unwrap();
            head(&mut first).await;
            refuse(&mut first).await;
        }
        stage.until(|snapshot| snapshot.held == 1).await; // refused, or unreachable
        stage.activator.set_remote_pod(&gone(&stage, "first", first_at));
        stage.activator.set_remote_pod(&stage.remote_at("bare", bare_at, false));
        let mut bare = bare.recv().await.unwrap();
        let before = stage.now();
        let seen = head(&mut bare).await;
        assert!(!seen.contains("expect"), "{seen}");
        assert_eq!(read(&mut bare, 20_000).await, [7; 20_000]);
        assert_eq!(stage.now(), before, "nobody waited to be asked");
        accept(&mut bare).await;
        assert!(head(&mut client).await.starts_with("http/1.1 200"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_to_be_asked_is_asked_when_a_pod_has_a_slot() {
    let stage = Stage::new(1);
    let remote = stage.remote_pod("one");
    stage.activator.set_remote_pod(&remote.pod);
    let mut client = client(&stage);
    post(&mut client, 100_000, "expect: 100-continue\r\n").await;
    assert!(head(&mut client).await.starts_with("http/1.1 100"));
    drop(client.write_all(&[7; 100_000]).await); // the app does not read it
    assert!(head(&mut client).await.starts_with("http/1.1 200"));
}

/// Over HTTP/2 nobody asks for a body; what cannot be kept must not be given back.
#[tokio::test(start_paused = true)]
async fn over_http2_a_large_one_must_not_be_refused() {
    let serving = Serving { protocol: Protocol::H2c, ..Serving::default() };
    let stage = Stage::with(serving, activator::HoldLimits::default());
    let mut connections = stage.played_pod("one");
    let echo = |request: Request<Incoming>| async move {
        let mark = request.headers().get("rouse-may-refuse").cloned();
        let size = request.into_body().collect().await.map(|body| body.to_bytes().len());
        let text = format!("{mark:?} {size:?}");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text)))
    };
    tokio::spawn(async move {
        while let Some(stream) = connections.recv().await {
            let http = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(echo)));
        }
    });
    for (size, mark) in [(0, "1"), (bounds::REPLAY_BYTES, "1"), (bounds::REPLAY_BYTES + 1, "0")] {
        let request = Request::post("/").header("host", "app.localhost").body(Full::from(vec![7; size])).unwrap();
        let answer = stage.send(request).await.unwrap();
        assert_eq!(answer.body, format!("Some(\"{mark}\") Ok({size})"));
    }
}

/// Answers the first stream's HEADERS frame with `frame`; the frames of RFC 9113, by hand.
async fn turn_down(stream: &mut DuplexStream, frame: &[u8]) {
    read(stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()).await;
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap(); // SETTINGS
    loop {
        let header = read(stream, 9).await;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        read(stream, length).await;
        if header[3] == 1 {
            break; // HEADERS
        }
    }
    stream.write_all(frame).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_refused_or_came_after_the_last_one_is_tried_again() {
    const REFUSED_STREAM: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7];
    const GOAWAY_LAST_0: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const GOAWAY_LAST_1: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    const CANCEL: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    for (frame, is_unseen) in
        [(&REFUSED_STREAM[..], true), (&GOAWAY_LAST_0, true), (&GOAWAY_LAST_1, false), (&CANCEL, false)]
    {
        let serving = Serving { protocol: Protocol::H2c, container_concurrency: 1, ..Serving::default() };
        let stage = Stage::with(serving, activator::HoldLimits::default());
        let mut connections = stage.played_pod("first");
        let answer = stage.get(Duration::ZERO);
        let mut stream = connections.recv().await.unwrap();
        turn_down(&mut stream, frame).await;
        let good = stage.remote_pod("second");
        let second = &good.pod;
        if is_unseen {
            stage.until(|snapshot| snapshot.counts.retried == 1).await;
            stage.activator.set_remote_pod(second);
            // The app of the test speaks HTTP/1 only: that the pod was asked is what counts.
            drop((connections, stream));
            assert_ne!(answer.await.unwrap().reason(), None);
            assert!(stage.snapshot().counts.retried >= 1);
        } else {
            drop((connections, stream));
            let answer = answer.await.unwrap();
            assert_eq!((answer.status, answer.reason()), (StatusCode::BAD_GATEWAY, Some("app-broke-off")));
            assert_eq!(stage.snapshot().counts.retried, 0, "{frame:?}: the app may have seen it");
        }
    }
}
