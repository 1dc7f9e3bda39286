//! How clients are turned away, and how a pod drains.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use config::Serving;
use http::{Request, Response, StatusCode};
use queue_proxy::Drain;
use queue_proxy::drain::Cause;
use support::{Pod, empty, get, text};
use tokio::time::{Instant, sleep, timeout};

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
        pod.connections.turn_away();
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
