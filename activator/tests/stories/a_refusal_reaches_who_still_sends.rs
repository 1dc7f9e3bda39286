//! A request that is refused has its answer before anyone has read its body: the client gets that answer, whatever it is
//! still sending, and is not listened to for ever.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::time::Duration;

use activator::HoldLimits;
use bytes::Bytes;
use config::{Failure, PodState, Protocol, Serving, bounds};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

use crate::a_refused_request_keeps_its_place::head;
use crate::support::Stage;

/// More than sockets take while nobody reads.
const LARGE: usize = 8 << 20;

fn stage(requests: usize, serving: Serving) -> Stage {
    Stage::with(serving, HoldLimits { requests, ..HoldLimits::default() })
}

/// Where every request is refused, each in a way of its own, and how.
fn refusing() -> [(Stage, &'static str); 6] {
    let response_start_timeout = Duration::from_millis(100);
    let late = stage(10, Serving { response_start_timeout, ..Serving::default() });
    let broken = stage(10, Serving::default());
    broken.activator.set_failure(&broken.id, Some(&Failure::Image { detail: String::new() }));
    let unknown = stage(10, Serving::default());
    unknown.activator.remove_workload(&unknown.id);
    // Pods that nobody can reach: the request comes back, and its body with it.
    let [gone, gone_h2c] = [Protocol::Http1, Protocol::H2c].map(|protocol| {
        let gone = stage(10, Serving { protocol, ..Serving::default() });
        gone.announce("gone", PodState::Ready);
        gone
    });
    [
        (stage(0, Serving::default()), "503 queue-full"),
        (late, "504 hold-timeout"),
        (broken, "503 image"),
        (unknown, "404 unknown-host"),
        (gone, "502 app-unreachable"),
        (gone_h2c, "502 app-unreachable"),
    ]
}

fn post(length: usize, more: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: app.localhost\r\ncontent-length: {length}\r\n{more}\r\n")
}

/// Status and reason of an answer.
fn told(head: &str) -> String {
    let reason = head.split("rouse-reason: ").nth(1).and_then(|rest| rest.split('\r').next());
    format!("{} {}", &head["HTTP/1.1 ".len()..][..3], reason.unwrap_or_default())
}

#[tokio::test]
async fn who_sends_all_of_a_large_body_before_it_reads() {
    for expect in ["", "expect: 100-continue\r\n"] {
        for (stage, refusal) in refusing() {
            let mut client = TcpStream::connect(stage.listen_over_tcp()).await.unwrap();
            client.write_all(post(LARGE, expect).as_bytes()).await.unwrap();
            client.write_all(&vec![7; LARGE]).await.unwrap_or_else(|error| panic!("{refusal} {expect}: {error}"));
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(told(&answer), refusal, "{expect}");
            assert!(answer.contains("connection: close\r\n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn who_sends_a_large_body_over_http2() {
    for (stage, refusal) in refusing() {
        let client = TcpStream::connect(stage.listen_over_tcp()).await.unwrap();
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
        tokio::spawn(connection);
        // More than the connection's window, if bodies that nobody reads took their part of it with them.
        for _ in 0..6 {
            let request = Request::post("http://app.localhost/").body(Full::<Bytes>::from(vec![7; LARGE])).unwrap();
            let answer = client.send_request(request).await.unwrap();
            let reason = answer.headers()["rouse-reason"].to_str().unwrap();
            assert_eq!(format!("{} {reason}", answer.status().as_u16()), refusal);
            let text: Bytes = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(!text.is_empty());
        }
    }
}

/// A client of a gateway that refuses all.
fn refused() -> (Stage, DuplexStream) {
    let stage = stage(0, Serving::default());
    let (client, server) = tokio::io::duplex(64 << 10);
    tokio::spawn(stage.connections.serve_memory(server, stage.activator.gateway()));
    (stage, client)
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_be_asked_for_the_body_is_not_asked() {
    let (stage, mut client) = refused();
    client.write_all(post(LARGE, "expect: 100-continue\r\n").as_bytes()).await.unwrap();
    let before = stage.now();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!((told(&answer).as_str(), stage.now().since(before)), ("503 queue-full", bounds::UNREAD_FIRST));
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_small_body_late_keeps_the_connection() {
    let (_stage, mut client) = refused();
    for _ in 0..3 {
        client.write_all(post(10, "").as_bytes()).await.unwrap();
        let answer = head(&mut client).await;
        assert!(answer.starts_with("http/1.1 503") && !answer.contains("connection"), "{answer}");
        let mut text = [0; "too many requests wait for this service".len()];
        client.read_exact(&mut text).await.unwrap();
        tokio::time::sleep(bounds::UNREAD_TIME / 2).await;
        client.write_all(b"0123456789").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_sends_without_end_is_cut_off() {
    let (stage, mut client) = refused();
    client.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    let before = stage.now();
    let chunk = [b"4000\r\n", &[7; 0x4000][..], b"\r\n"].concat();
    let mut sent = 0;
    while client.write_all(&chunk).await.is_ok() {
        sent += 0x4000;
        assert!(sent < 2 * bounds::UNREAD_BYTES, "nobody stops it");
    }
    assert!(sent >= bounds::UNREAD_BYTES, "{sent}");
    assert_eq!(stage.now(), before);
    assert!(head(&mut client).await.starts_with("http/1.1 503"));
}

#[tokio::test(start_paused = true)]
async fn who_never_sends_the_rest_is_cut_off() {
    for length in [20, LARGE] {
        let (stage, mut client) = refused();
        let before = stage.now();
        client.write_all(post(length, "").as_bytes()).await.unwrap();
        client.write_all(b"half of it").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((told(&answer).as_str(), stage.now().since(before)), ("503 queue-full", bounds::UNREAD_TIME));
        assert_eq!(stage.connections.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_not_waited_for() {
    for (length, more) in [(20, ""), (LARGE, ""), (LARGE, "expect: 100-continue\r\n")] {
        let (stage, mut client) = refused();
        client.write_all(post(length, more).as_bytes()).await.unwrap();
        client.write_all(b"half of it").await.unwrap();
        head(&mut client).await;
        drop(client);
        let before = stage.now();
        stage.connections.stop().await;
        assert_eq!(stage.now(), before);
    }
}
