//! The queue in front of the pods is bounded in number, in bytes and in time.

use std::time::Duration;

use activator::HoldLimits;
use bytes::Bytes;
use config::Serving;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::support::Stage;

fn post(bytes: usize) -> Request<Full<Bytes>> {
    let body = Full::from(vec![0; bytes]);
    Request::post("/0").header("host", "app.localhost").body(body).expect("a valid request")
}

fn grpc() -> Request<Full<Bytes>> {
    let request = Request::post("/0").header("host", "app.localhost").header("content-type", "application/grpc");
    request.body(Full::default()).expect("a valid request")
}

#[tokio::test(start_paused = true)]
async fn one_more_than_may_wait_is_turned_away_at_once() {
    let stage = Stage::with(Serving::default(), HoldLimits { requests: 5, ..HoldLimits::default() });
    let sent = stage.hold(0..5).await;
    let before = stage.now();
    let answer = stage.get(Duration::ZERO).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (StatusCode::SERVICE_UNAVAILABLE, Some("queue-full")));
    assert!(answer.headers.contains_key("retry-after"));
    let grpc = stage.send(grpc()).await.unwrap();
    assert_eq!((grpc.status, &grpc.headers["grpc-status"]), (StatusCode::OK, &"14".parse().unwrap()));
    assert_eq!(stage.now(), before);
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.held, snapshot.open, snapshot.counts.queue_full), (5, 5, 2));
    stage.start_pod("one");
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_would_fill_memory_are_turned_away() {
    let stage = Stage::with(Serving::default(), HoldLimits { bytes: 10_000, ..HoldLimits::default() });
    let first = stage.send(post(6_000));
    stage.until(|snapshot| snapshot.held == 1).await;
    assert_eq!(stage.snapshot().held_bytes, 6_000);
    assert_eq!(stage.send(post(6_000)).await.unwrap().reason(), Some("queue-full"));
    let second = stage.send(post(4_000));
    stage.until(|snapshot| snapshot.held_bytes == 10_000).await;
    stage.start_pod("one");
    assert_eq!((first.await.unwrap().status, second.await.unwrap().status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(stage.snapshot().held_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_when_the_response_could_not_start_in_time() {
    let response_start_timeout = Duration::from_secs(7);
    let stage = Stage::with(Serving { response_start_timeout, ..Serving::default() }, HoldLimits::default());
    let before = stage.now();
    let (plain, grpc) = (stage.get(Duration::ZERO), stage.send(grpc()));
    let plain = plain.await.unwrap();
    assert_eq!(stage.now().since(before), response_start_timeout);
    assert_eq!((plain.status, plain.reason()), (StatusCode::GATEWAY_TIMEOUT, Some("hold-timeout")));
    assert!(plain.headers.contains_key("retry-after"));
    assert_eq!(grpc.await.unwrap().headers["grpc-status"], "4");
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.held, snapshot.open, snapshot.counts.hold_timeout), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn without_a_response_start_timeout_the_request_timeout_holds() {
    let serving =
        Serving { timeout: Duration::from_secs(3), response_start_timeout: Duration::ZERO, ..Serving::default() };
    let stage = Stage::with(serving, HoldLimits::default());
    let before = stage.now();
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().reason(), Some("hold-timeout"));
    assert_eq!(stage.now().since(before), Duration::from_secs(3));
}
