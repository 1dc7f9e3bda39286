//! How clients are turned away, and how a pod drains.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use config::Serving;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use queue_proxy::drain::Cause;
use queue_proxy::net::Stream;
use queue_proxy::{Connections, Drain};
use support::{Pod, empty, get, text};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const QUIET: Duration = Duration::from_secs(10);

/// A pod whose app takes five seconds for each request.
fn pod() -> (Pod, Arc<Drain>) {
    let pod = Pod::with_app(&Serving::default(), |_| async {
        sleep(Duration::from_secs(5)).await;
        Response::new(support::full("done"))
    });
    let drain = Drain::new(Arc::clone(&pod.front), pod.connections.clone(), QUIET);
    (pod, drain)
}

fn from_activator() -> Request<support::AnyBody> {
    Request::get("/").header("host", "h").header("rouse-may-refuse", "1").body(empty()).unwrap()
}

async fn seconds_until_drained(drain: &Drain) -> u64 {
    let start = Instant::now();
    timeout(Duration::from_secs(600), drain.done()).await.expect("it drains");
    Instant::now().duration_since(start).as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_clients_reach_serves_ten_quiet_seconds_more() {
    let (pod, drain) = pod();
    drop(pod.send(get("/")).await);
    drain.begin(Cause::Signal);
    let (took, late) = tokio::join!(seconds_until_drained(&drain), async {
        sleep(Duration::from_secs(4)).await;
        pod.send(get("/")).await
    });
    assert_eq!((late.status(), took), (StatusCode::OK, 14), "ten seconds after the last client came");
    assert_eq!(late.headers()["connection"], "close");
}

#[tokio::test(start_paused = true)]
async fn a_pod_behind_activators_drains_as_soon_as_it_is_empty() {
    let (pod, drain) = pod();
    let (_, took) = tokio::join!(pod.send(from_activator()), async {
        sleep(Duration::from_secs(1)).await;
        drain.begin(Cause::Signal);
        seconds_until_drained(&drain).await
    });
    assert_eq!(took, 4);
}

#[tokio::test(start_paused = true)]
async fn an_idle_pod_waits_until_its_activators_know_that_it_goes() {
    let (pod, drain) = pod();
    let mut pooled = pod.http1().await;
    drop(text(pooled.send_request(from_activator()).await.unwrap()).await.unwrap());
    drain.begin(Cause::Signal);
    let ((), late) = tokio::join!(drain.finish(), async {
        sleep(Duration::from_millis(500)).await;
        pooled.ready().await.unwrap();
        pooled.send_request(from_activator()).await.expect("it is served")
    });
    assert_eq!((late.status(), &late.headers()["connection"]), (StatusCode::OK, &"close".parse().unwrap()));

    let (pod, drain) = self::pod();
    drop(pod.send(from_activator()).await);
    drain.begin(Cause::Signal);
    assert_eq!(seconds_until_drained(&drain).await, 1, "no longer than that");
}

#[tokio::test(start_paused = true)]
async fn a_pod_cuts_no_connection_on_which_an_activator_may_be_writing() {
    // One that hears late.
    let (pod, drain) = pod();
    let mut pooled = pod.http1().await;
    drop(text(pooled.send_request(from_activator()).await.unwrap()).await.unwrap());
    drain.begin(Cause::Signal);
    let ((), late) = tokio::join!(drain.finish(), async {
        sleep(Duration::from_millis(5_500)).await;
        pooled.ready().await.unwrap();
        pooled.send_request(from_activator()).await.expect("it is served")
    });
    assert_eq!((late.status(), &late.headers()["connection"]), (StatusCode::OK, &"close".parse().unwrap()));

    // One that has heard closes what it does not use.
    for http2 in [false, true] {
        let (pod, drain) = self::pod();
        let over_http2 = Request::get("http://h/").header("rouse-may-refuse", "1").body(empty()).unwrap();
        let pooled = pod.http1().await;
        let mut used = pod.http2().await;
        match http2 {
            true => drop(text(used.send_request(over_http2).await.unwrap()).await.unwrap()),
            false => drop(pod.send(from_activator()).await),
        }
        drop(pooled);
        drain.begin(Cause::Signal);
        assert_eq!(seconds_until_drained(&drain).await, 1, "over HTTP/2: {http2}");
    }

    // And one that never hears has closed it by then.
    let (pod, drain) = self::pod();
    let mut pooled = pod.http1().await;
    drop(text(pooled.send_request(from_activator()).await.unwrap()).await.unwrap());
    drain.begin(Cause::Signal);
    assert_eq!(seconds_until_drained(&drain).await, 8);
}

#[tokio::test]
async fn who_is_connected_as_the_listener_closes_is_served() {
    let pod = Pod::with_app(&Serving::default(), |_| async { Response::new(support::full("done")) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, front) = (Connections::default(), Arc::clone(&pod.front));
    let listening = tokio::spawn({
        let connections = connections.clone();
        async move { connections.listen(listener, front).await }
    });
    yield_now().await;
    // Nothing is awaited, so that the one thread cannot accept it before it is told to stop.
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    let mut silent = std::net::TcpStream::connect(address).unwrap();
    connections.stop().await;
    listening.await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close"), "{answer}");
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "it is not waited for without end");
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_app_was_only_restarted_comes_back() {
    let (pod, drain) = pod();
    pod.front.ready().await;
    drain.begin(Cause::Hook);
    assert!(!pod.front.is_ready());
    drain.app_came_back();
    assert!(pod.front.is_ready());
    assert!(!pod.send(get("/")).await.headers().contains_key("connection"));

    drain.begin(Cause::Hook);
    drain.begin(Cause::Signal);
    drain.app_came_back();
    assert!(!pod.front.is_ready(), "after SIGTERM there is no way back");
}

#[tokio::test(start_paused = true)]
async fn turning_away_fails_nobody_and_spares_who_comes_later() {
    let (pod, _) = pod();
    let mut old = pod.http1().await;
    let mut old_http2 = pod.http2().await;
    drop(text(old.send_request(get("/")).await.unwrap()).await.unwrap());
    let request = || Request::get("http://h/").body(empty()).unwrap();
    let (inside, ()) = tokio::join!(old_http2.send_request(request()), async {
        sleep(Duration::from_secs(1)).await;
        pod.connections.turn_direct_away();
    });
    assert_eq!(text(inside.unwrap()).await.unwrap(), "done", "a stream that is open ends well");
    sleep(Duration::from_millis(10)).await;
    assert!(old_http2.is_closed() || old_http2.send_request(request()).await.is_err());

    old.ready().await.unwrap();
    let last = old.send_request(get("/")).await.unwrap();
    assert_eq!(last.headers()["connection"], "close");
    assert_eq!(text(last).await.unwrap(), "done");
    assert!(!pod.send(get("/")).await.headers().contains_key("connection"));
}

#[tokio::test(start_paused = true)]
async fn activators_stay_when_clients_are_turned_away_and_go_when_the_pod_does() {
    let (pod, drain) = pod();
    let (mut http1, mut http2) = (pod.http1().await, pod.http2().await);
    let over_http2 = || Request::get("http://h/").header("rouse-may-refuse", "1").body(empty()).unwrap();
    drop(text(http1.send_request(from_activator()).await.unwrap()).await.unwrap());
    drop(text(http2.send_request(over_http2()).await.unwrap()).await.unwrap());

    pod.connections.turn_direct_away();
    sleep(Duration::from_millis(10)).await;
    for _ in 0..2 {
        http1.ready().await.unwrap();
        let response = http1.send_request(from_activator()).await.unwrap();
        assert!(!response.headers().contains_key("connection"));
        drop(text(response).await.unwrap());
        assert_eq!(text(http2.send_request(over_http2()).await.unwrap()).await.unwrap(), "done");
    }

    drain.begin(Cause::Signal);
    http1.ready().await.unwrap();
    let last = http1.send_request(from_activator()).await.unwrap();
    assert_eq!(last.headers()["connection"], "close");
    sleep(Duration::from_millis(10)).await;
    assert!(http2.is_closed(), "GOAWAY");
}

#[tokio::test(start_paused = true)]
async fn an_activators_connection_that_stayed_goes_when_a_client_uses_it() {
    let (pod, _) = pod();
    let (mut http1, mut http2) = (pod.http1().await, pod.http2().await);
    let over_http2 = || Request::get("http://h/").header("rouse-may-refuse", "0").body(empty()).unwrap();
    drop(text(http1.send_request(from_activator()).await.unwrap()).await.unwrap());
    drop(text(http2.send_request(over_http2()).await.unwrap()).await.unwrap());
    pod.connections.turn_direct_away();
    http1.ready().await.unwrap();
    assert_eq!(http1.send_request(get("/")).await.unwrap().headers()["connection"], "close");
    let direct = Request::get("http://h/").body(empty()).unwrap();
    assert_eq!(text(http2.send_request(direct).await.unwrap()).await.unwrap(), "done");
    sleep(Duration::from_millis(10)).await;
    assert!(http2.is_closed(), "GOAWAY");
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_requests_and_for_nothing_else() {
    let (pod, _) = pod();
    let idle = pod.http1().await;
    let mut busy = pod.http1().await;
    let start = Instant::now();
    let (response, ()) = tokio::join!(busy.send_request(get("/")), async {
        sleep(Duration::from_secs(1)).await;
        pod.connections.stop().await;
    });
    assert_eq!(text(response.unwrap()).await.unwrap(), "done");
    assert_eq!((Instant::now() - start).as_secs(), 5);
    assert!(idle.is_closed());
    assert_eq!((pod.connections.open(), pod.connections.direct().open), (0, 0));
}

/// What an HTTP/2 client says first, with no settings of its own.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(start_paused = true)]
async fn who_has_sent_half_a_head_holds_nobody_up() {
    for half in [&b""[..], b"G", b"GET / HTTP/1.1\r\nhost:", b"PRI * HTTP", HTTP2] {
        let (pod, _) = pod();
        let mut slow = pod.connect().await;
        slow.write_all(half).await.unwrap();
        sleep(Duration::from_millis(10)).await;
        let start = Instant::now();
        timeout(Duration::from_secs(600), pod.connections.stop()).await.expect("it ends");
        let took = Instant::now() - start;
        assert!(took <= 2 * config::bounds::LAST_REQUEST, "{half:?}: {took:?}");
        assert_eq!(pod.connections.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_completed_in_time_is_served_however_long_that_takes() {
    let (pod, _) = pod();
    let Stream::Memory(mut slow) = pod.connect().await else { unreachable!("the network is in memory") };
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    sleep(Duration::from_millis(10)).await;
    let (head, ()) = tokio::join!(
        async {
            sleep(config::bounds::LAST_REQUEST - Duration::from_millis(10)).await;
            slow.write_all(b" h\r\n\r\n").await.unwrap();
            support::head(&mut slow).await
        },
        pod.connections.stop()
    );
    assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&head));
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_opened_at_the_last_moment_is_not_cut() {
    let pod = Pod::with_raw_app(&Serving::default(), |stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let drain = Drain::new(Arc::clone(&pod.front), pod.connections.clone(), QUIET);
    let Stream::Memory(mut stream) = pod.connect().await else { unreachable!("the network is in memory") };
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n").await.unwrap();
    drain.begin(Cause::Signal);
    let mut ended = tokio::spawn({
        let drain = Arc::clone(&drain);
        async move { drain.finish().await }
    });
    timeout(Duration::from_secs(30), drain.done()).await.expect("nobody is inside");
    sleep(Duration::from_millis(10)).await;
    let rest = b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(rest).await.unwrap();
    let head = support::head(&mut stream).await;
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    assert!(timeout(Duration::from_secs(600), &mut ended).await.is_err(), "the tunnel is open");
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    socket.send(Message::text("still there?")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still there?"));
    drop(socket);
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_app_of_a_pod_that_ends_may_end_only_when_nobody_can_reach_it_any_more() {
    let (_pod, drain) = pod();
    drain.begin(Cause::Signal);
    let mut hook = std::pin::pin!(drain.app_may_end());
    tokio::select! {
        () = &mut hook => panic!("it is drained, but its connections are not closed yet"),
        () = async { drain.done().await; sleep(QUIET).await } => {}
    }
    drain.finish().await;
    timeout(Duration::from_secs(1), hook).await.expect("it may end now");
}

#[tokio::test(start_paused = true)]
async fn an_apps_hook_that_comes_before_the_pods_own_end_waits_for_it() {
    let (pod, drain) = pod();
    drop(pod.send(from_activator()).await);
    drain.begin(Cause::Hook);
    let mut hook = std::pin::pin!(drain.app_may_end());
    assert!(timeout(Duration::from_secs(4), &mut hook).await.is_err(), "the kubelet may be slow");
    drain.begin(Cause::Signal);
    assert!(timeout(Duration::from_secs(60), &mut hook).await.is_err(), "its connections are not closed yet");
    drain.finish().await;
    timeout(Duration::from_secs(1), hook).await.expect("it may end now");
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_hook_still_waits_has_not_come_back() {
    let (pod, drain) = pod();
    drain.begin(Cause::Hook);
    {
        let mut hook = std::pin::pin!(drain.app_may_end());
        assert!(timeout(Duration::from_secs(1), &mut hook).await.is_err());
        drain.app_came_back();
        assert!(pod.front.is_draining(), "a probe that passes late means nothing");
        timeout(Duration::from_secs(60), hook).await.expect("its hook does not hang");
    }
    drain.app_came_back();
    assert!(!pod.front.is_draining(), "it was restarted, and is back");
}
