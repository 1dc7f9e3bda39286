//! Slots, lines, timeouts and tunnels.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::time::Duration;

use config::{Protocol, Serving};
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use queue_proxy::net::Stream;
use support::{AnyBody, Pod, data, empty, get, stream, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

fn serving() -> Serving {
    Serving::default()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An app that answers after as many seconds as the path says.
async fn slow(request: Request<hyper::body::Incoming>) -> Response<AnyBody> {
    sleep(seconds(request.uri().path()[1..].parse().unwrap())).await;
    Response::new(empty())
}

fn reason(response: &Response<hyper::body::Incoming>) -> (StatusCode, &str) {
    (response.status(), response.headers()["rouse-reason"].to_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn no_more_than_container_concurrency_reach_the_app_and_the_line_is_bounded() {
    let pod = Pod::with_app(&Serving { container_concurrency: 2, ..serving() }, slow);
    let start = Instant::now();
    let all = futures_util::future::join_all((0..23).map(|_| async {
        let response = pod.send(get("/1")).await;
        (response.status(), start.elapsed_seconds())
    }));
    let mut answers = all.await;
    answers.sort();
    let ended: Vec<u64> = answers.iter().filter(|(status, _)| *status == 200).map(|(_, at)| *at).collect();
    assert_eq!(ended.len(), 22, "2 slots and 20 places");
    assert_eq!(ended, (0..22).map(|n| 1 + n / 2).collect::<Vec<u64>>());
    assert_eq!(answers.last().unwrap(), &(StatusCode::SERVICE_UNAVAILABLE, 0));
    assert_eq!(pod.app_connections(), 2);
}

trait Elapsed {
    fn elapsed_seconds(&self) -> u64;
}

impl Elapsed for Instant {
    fn elapsed_seconds(&self) -> u64 {
        Instant::now().duration_since(*self).as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_line_is_refused_as_knative_refuses_it() {
    let pod = Pod::with_app(&Serving { container_concurrency: 1, ..serving() }, slow);
    let clients: Vec<_> = futures_util::future::join_all((0..11).map(|_| pod.http1())).await;
    let waiting: Vec<_> = clients
        .into_iter()
        .map(|mut client| tokio::spawn(async move { drop(client.send_request(get("/9")).await) }))
        .collect();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(pod.front.gate().inside(), (1, 10));
    let response = pod.send(get("/9")).await;
    assert_eq!(reason(&response), (StatusCode::SERVICE_UNAVAILABLE, "queue-full"));
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(text(response).await.unwrap(), "pending request queue full");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_who_sends_all_of_a_large_body_before_it_reads() {
    let pod = Pod::without_app(&Serving { protocol: Protocol::H2c, ..serving() });
    let body = "x".repeat(1 << 20);
    let post = |host: &str| {
        let lines = ["POST / HTTP/1.1", host, &format!("Content-Length: {}", body.len()), "", &body];
        lines.join("\r\n")
    };
    for (host, status) in [("Host: h", "502"), ("Host: /", "400")] {
        let answer = pod.send_raw(&post(host)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_in_the_line_counts_toward_the_timeout() {
    let serving = Serving { container_concurrency: 1, response_start_timeout: seconds(5), ..serving() };
    let pod = Pod::with_app(&serving, slow);
    let start = Instant::now();
    let (_first, second) = tokio::join!(pod.send(get("/4")), async {
        sleep(Duration::from_millis(1)).await;
        pod.send(get("/4")).await
    });
    assert_eq!(reason(&second), (StatusCode::GATEWAY_TIMEOUT, "request-timeout"));
    assert_eq!(start.elapsed_seconds(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_does_not_start_in_time_is_a_504() {
    let cases = [
        (Serving { timeout: seconds(3), ..serving() }, 3),
        (Serving { response_start_timeout: seconds(2), ..serving() }, 2),
        (Serving { idle_timeout: seconds(1), ..serving() }, 1),
    ];
    for (serving, after) in cases {
        let pod = Pod::with_app(&serving, slow);
        let start = Instant::now();
        let response = pod.send(get("/100")).await;
        assert_eq!(reason(&response), (StatusCode::GATEWAY_TIMEOUT, "request-timeout"));
        assert_eq!(text(response).await.unwrap(), "request timeout");
        assert_eq!(start.elapsed_seconds(), after);
        pod.settled().await;
    }
}

/// A pod whose app sends one byte each second, for ten seconds.
fn ticking(serving: &Serving) -> Pod {
    Pod::with_app(serving, |_| async {
        let (sender, body) = stream();
        tokio::spawn(async move {
            for _ in 0..10 {
                sleep(seconds(1)).await;
                if sender.send(data("x")).await.is_err() {
                    return;
                }
            }
        });
        Response::new(body)
    })
}

#[tokio::test(start_paused = true)]
async fn a_started_response_that_takes_too_long_is_cut_so_that_the_client_can_tell() {
    let serving = Serving { timeout: Duration::from_millis(4500), ..serving() };
    for http2 in [false, true] {
        let pod = ticking(&serving);
        let mut response = if http2 {
            pod.http2().await.send_request(Request::get("http://h/").body(empty()).unwrap()).await.unwrap()
        } else {
            pod.send(get("/")).await
        };
        let mut bytes = 0;
        let end = loop {
            match response.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().unwrap().len(),
                end => break end,
            }
        };
        assert_eq!(bytes, 4);
        assert!(end.unwrap().is_err(), "an end, and not a clean one");
        pod.settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_timeout_is_about_the_pause_and_not_the_whole() {
    let pod = ticking(&Serving { idle_timeout: Duration::from_millis(1500), ..serving() });
    assert_eq!(text(pod.send(get("/")).await).await.unwrap(), "xxxxxxxxxx");
    let pod = ticking(&Serving { idle_timeout: Duration::from_millis(900), ..serving() });
    assert!(text(pod.send(get("/")).await).await.is_err());
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_response_start_timeout_ends_with_the_first_byte() {
    let pod = ticking(&Serving { response_start_timeout: Duration::from_millis(500), ..serving() });
    assert_eq!(text(pod.send(get("/")).await).await.unwrap(), "xxxxxxxxxx");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_has_the_total_timeout_and_no_more() {
    let serving = Serving { timeout: seconds(5), idle_timeout: seconds(2), protocol: Protocol::H2c, ..serving() };
    let pod = Pod::with_app(&serving, |_| async {
        let (sender, body) = stream();
        let more = || Ok(http_body::Frame::data(bytes::Bytes::from_static(&[b'x'; 16 << 10])));
        tokio::spawn(async move { while sender.send(more()).await.is_ok() {} });
        Response::new(body)
    });
    let start = Instant::now();
    let mut body = pod.send(get("/")).await.into_body();
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.into_data().unwrap().len();
        sleep(Duration::from_millis(100)).await;
        assert!(start.elapsed_seconds() < 20, "{read} bytes and no end");
    }
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_in_the_middle_of_a_response_gives_its_slot_back_when_it_is_due() {
    let serving = Serving { timeout: seconds(5), container_concurrency: 1, ..serving() };
    let pod = Pod::with_app(&serving, |_| async {
        let (sender, body) = stream();
        let more = || Ok(http_body::Frame::data(bytes::Bytes::from_static(&[b'x'; 16 << 10])));
        tokio::spawn(async move { while sender.send(more()).await.is_ok() {} });
        Response::new(body)
    });
    let mut client = pod.http1().await;
    let start = Instant::now();
    let stalled = client.send_request(get("/")).await.unwrap();
    sleep(seconds(4)).await;
    assert_eq!(pod.front.gate().inside(), (1, 0));
    pod.settled().await;
    assert_eq!((start.elapsed_seconds(), pod.connections.open()), (5, 0));
    assert!(text(stalled).await.is_err(), "cut, so that the client can tell");
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_grants_no_window_gives_its_slot_back_when_it_is_due_and_keeps_its_connection() {
    let serving = Serving { timeout: seconds(5), container_concurrency: 1, ..serving() };
    let pod = Pod::with_app(&serving, |request| async move {
        let (sender, body) = stream();
        let frames = if request.uri() == "/endless" { usize::MAX } else { 3 };
        let more = || Ok(http_body::Frame::data(bytes::Bytes::from_static(&[b'x'; 16 << 10])));
        tokio::spawn(async move {
            for _ in 0..frames {
                if sender.send(more()).await.is_err() {
                    return;
                }
            }
        });
        Response::new(body)
    });
    let mut client = pod.http2().await;
    let request = |path: &str| Request::get(format!("http://h{path}")).body(empty()).unwrap();
    let start = Instant::now();
    let stalled = client.send_request(request("/endless")).await.unwrap();
    sleep(seconds(4)).await;
    assert_eq!(pod.front.gate().inside(), (1, 0));
    pod.settled().await;
    assert_eq!(start.elapsed_seconds(), 5);
    let next = client.send_request(request("/")).await.unwrap();
    assert_eq!(text(next).await.unwrap().len(), 3 * (16 << 10), "other streams go on");
    assert!(text(stalled).await.is_err(), "cut, so that the client can tell");
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_websocket_outlives_all_request_timers_and_counts_until_it_closes() {
    let serving = Serving {
        timeout: seconds(2),
        response_start_timeout: seconds(1),
        idle_timeout: seconds(1),
        container_concurrency: 1,
        ..serving()
    };
    let pod = Pod::with_raw_app(&serving, |stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let (mut socket, response) =
        tokio_tungstenite::client_async("ws://hello.localhost/", pod.connect().await).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    for n in 0..5 {
        sleep(seconds(10)).await;
        socket.send(Message::text(format!("hello {n}"))).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(format!("hello {n}")));
        assert_eq!(pod.front.gate().inside(), (1, 0));
    }
    drop(socket);
    pod.settled().await;
}

fn upgrade(protocols: &'static str) -> Request<AnyBody> {
    let request = Request::get("/").header("host", "h").header("connection", "upgrade");
    request.header("upgrade", protocols).body(empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn other_upgrades_are_not_tunnelled() {
    let pod = Pod::with_app(&serving(), support::echo);
    let plain = "GET / HTTP/1.1\nhost: h\n\n";
    for protocols in ["tls/1.0", "h2c", "tcp, h2c"] {
        assert_eq!(text(pod.send(upgrade(protocols)).await).await.unwrap(), plain);
    }
    pod.front.apply(&Serving { upgrades: "tls/1.0".parse().unwrap(), ..serving() });
    for protocols in ["tls/1.1", "h2c"] {
        assert_eq!(text(pod.send(upgrade(protocols)).await).await.unwrap(), plain);
    }
    let named = Request::get("/").header("host", "h").header("upgrade", "tls/1.0").body(empty()).unwrap();
    assert_eq!(text(pod.send(named).await).await.unwrap(), plain, "nor without Connection: upgrade");
}

#[tokio::test(start_paused = true)]
async fn a_listed_upgrade_is_tunnelled_and_counts_until_it_closes() {
    let serving = Serving { container_concurrency: 1, timeout: seconds(1), ..serving() };
    let pod = Pod::with_raw_app(&serving, |mut stream| async move {
        let asked = String::from_utf8(support::head(&mut stream).await).unwrap();
        assert!(asked.contains("upgrade: Tcp\r\n") && !asked.contains("h2c"), "{asked}");
        stream.write_all(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\n").await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        drop(tokio::io::copy(&mut read, &mut write).await);
    });
    pod.front.apply(&Serving { upgrades: "spdy/3.1, tcp".parse().unwrap(), ..serving });
    let Stream::Memory(mut client) = pod.connect().await else { unreachable!("the network is in memory") };
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: h2c, Tcp, spdy/3.1\r\n\r\n")
        .await
        .unwrap();
    let answer = String::from_utf8(support::head(&mut client).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("upgrade: tcp\r\n"), "{answer}");
    sleep(seconds(10)).await;
    client.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!((&back, pod.front.gate().inside()), (b"hello", (1, 0)));
    drop(client);
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn new_settings_apply_to_the_next_request() {
    let pod = Pod::with_app(&Serving { container_concurrency: 1, ..serving() }, slow);
    pod.front.apply(&Serving { timeout: seconds(1), ..serving() });
    let (first, second) = tokio::join!(pod.send(get("/0")), pod.send(get("/5")));
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::GATEWAY_TIMEOUT));
    assert_eq!(pod.front.gate().free(), u32::MAX);
}
