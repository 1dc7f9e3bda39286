//! A request that the app cannot have seen is tried elsewhere; one that it may have seen is not.

use std::convert::Infallible;
use std::time::Duration;

use activator::HoldLimits;
use bytes::Bytes;
use config::{PodState, Protocol, Serving, bounds};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::Connections;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::Stage;

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_another_pods_turn() {
    let stage = Stage::new(1);
    stage.announce("dead", PodState::Ready);
    let app = stage.start_pod("alive");
    let before = stage.now();
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::OK);
    assert_eq!(stage.now(), before, "no back-off while another pod is free");
    assert_eq!((stage.snapshot().counts.retried, app.numbers.lock().len()), (1, 1));
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, StatusCode::OK);
    assert_eq!(stage.snapshot().counts.retried, 1, "the dead pod is passed over for a moment");
}

#[tokio::test(start_paused = true)]
async fn it_keeps_its_place_before_all_who_came_later() {
    let stage = Stage::new(1);
    stage.announce("dead", PodState::Ready);
    let first = stage.hold(0..1).await; // refused by the dead pod, waits for it to be tried again
    let later = stage.hold(1..3).await;
    stage.set_pod("dead", PodState::Gone);
    let app = stage.start_pod("alive");
    for answer in first.into_iter().chain(later) {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(*app.numbers.lock(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_lone_pod_that_refuses_is_tried_again_a_few_times_and_no_more() {
    let stage = Stage::new(1);
    stage.announce("dead", PodState::Ready);
    let before = stage.now();
    let answer = stage.get(Duration::ZERO).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (StatusCode::BAD_GATEWAY, Some("app-unreachable")));
    let waits = bounds::FORWARD_TRIES - 1;
    assert_eq!(stage.snapshot().counts.retried, u64::from(waits));
    let took = stage.now().since(before);
    assert!(took >= bounds::PASS_OVER.start * waits && took <= bounds::PASS_OVER.end * waits, "{took:?}");
    assert_eq!((stage.snapshot().open, stage.snapshot().pods[0].in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_listens_again_within_the_tries_loses_nothing() {
    let stage = Stage::new(1);
    let address = stage.announce("restarting", PodState::Ready);
    let sent = stage.hold(0..3).await;
    let app = stage.listen(address);
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(*app.numbers.lock(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_app_may_have_seen_is_not_sent_twice() {
    let stage = Stage::new(1);
    let address = stage.announce("one", PodState::Ready);
    let mut connections = stage.listener(address);
    let answer = stage.get(Duration::ZERO);
    let mut connection = connections.recv().await.unwrap();
    let mut request = [0; 4];
    connection.read_exact(&mut request).await.unwrap();
    assert_eq!(&request, b"GET ");
    drop(connection);
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.reason()), (StatusCode::BAD_GATEWAY, Some("app-broke-off")));
    assert_eq!(stage.snapshot().counts.retried, 0);
}

#[tokio::test(start_paused = true)]
async fn the_next_pod_sees_the_same_host() {
    let serving = Serving { container_concurrency: 1, protocol: Protocol::H2c, ..Serving::default() };
    let stage = Stage::with(serving, HoldLimits::default());
    stage.announce("dead", PodState::Ready);
    let mut connections = stage.listener(stage.announce("alive", PodState::Ready));
    let answer = stage.get(Duration::ZERO);
    let io = TokioIo::new(connections.recv().await.unwrap());
    let echo = |request: Request<Incoming>| async move {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(request.uri().to_string())))
    };
    tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service_fn(echo)));
    assert_eq!(answer.await.unwrap().body, "http://app.localhost/0");
    assert_eq!(stage.snapshot().counts.retried, 1);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_opens_at_the_next_pod() {
    let stage = Stage::new(1);
    stage.announce("dead", PodState::Ready);
    let mut connections = stage.listener(stage.announce("alive", PodState::Ready));
    let (mut client, server) = tokio::io::duplex(4096);
    tokio::spawn(Connections::default().serve_memory(server, stage.activator.gateway()));
    let upgrade = "host: app.localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(format!("GET / HTTP/1.1\r\n{upgrade}").as_bytes()).await.unwrap();
    let mut app = connections.recv().await.unwrap();
    let mut buffer = [0; 4096];
    assert!(app.read(&mut buffer).await.unwrap() > 0);
    app.write_all(format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}").as_bytes()).await.unwrap();
    assert!(client.read(&mut buffer).await.unwrap() > 0);
    client.write_all(b"ping").await.unwrap();
    app.read_exact(&mut buffer[..4]).await.unwrap();
    assert_eq!(&buffer[..4], b"ping");
    assert_eq!((stage.snapshot().counts.retried, stage.snapshot().open), (1, 1));
    drop((client, app));
    stage.until(|snapshot| snapshot.open == 0).await;
}
