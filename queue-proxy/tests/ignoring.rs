//! Paths that load balancers ask for are no load.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use config::Serving;
use http::{Request, Response};
use support::{Pod, empty, get, text};
use tokio::time::sleep;

fn serving() -> Serving {
    Serving { container_concurrency: 1, ignore_paths: vec!["/healthz".into()], ..Serving::default() }
}

/// A pod whose app takes a second, and the most that the app had in flight.
fn pod() -> (Pod, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let pod = Pod::with_app(&serving(), move |_| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            sleep(Duration::from_secs(1)).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Response::new(support::full("the app"))
        }
    });
    (pod, seen)
}

fn counted(pod: &Pod) -> (u64, u64) {
    let mut reports = Vec::new();
    pod.front.gate().take_reports(true, &mut reports);
    (reports.iter().map(|r| r.arrived).sum(), reports.iter().map(|r| r.concurrency_ns).sum())
}

#[tokio::test(start_paused = true)]
async fn an_ignored_path_reaches_an_app_that_has_a_slot_and_is_never_counted() {
    let (pod, most) = pod();
    for _ in 0..3 {
        assert_eq!(text(pod.send(get("/healthz?deep=1")).await).await.unwrap(), "the app");
    }
    assert_eq!(counted(&pod), (0, 0));
    assert_eq!(pod.connections.direct().last, None, "who asks how it is does not use it");
    assert_eq!(most.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_answered_for_an_app_that_has_none_and_waits_for_nobody() {
    let (pod, most) = pod();
    let (first, second, ignored) = tokio::join!(pod.send(get("/")), pod.send(get("/")), async {
        sleep(Duration::from_millis(500)).await;
        let request = Request::get("/healthz").header("host", "h").header("rouse-may-refuse", "1");
        let answer = text(pod.send(request.body(empty()).unwrap()).await).await.unwrap();
        assert_eq!(pod.front.gate().inside(), (1, 1), "at once");
        answer
    });
    assert_eq!(ignored, "ignored");
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    drop((first, second));
    pod.settled().await;
    assert_eq!((counted(&pod).0, most.load(Ordering::Relaxed)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn while_the_app_has_an_ignored_request_its_slot_is_taken() {
    let (pod, most) = pod();
    let (ignored, other) = tokio::join!(pod.send(get("/healthz")), async {
        sleep(Duration::from_millis(500)).await;
        pod.send(get("/")).await
    });
    drop((ignored, other));
    pod.settled().await;
    assert_eq!(most.load(Ordering::Relaxed), 1, "never more than its slots");
    assert_eq!(counted(&pod), (1, 1_500_000_000), "half a second in the line, one in the app");
}

#[tokio::test(start_paused = true)]
async fn the_list_is_exact_and_a_new_one_applies_at_once() {
    let (pod, _) = pod();
    for path in ["/healthz/", "/Healthz", "/health", "/"] {
        drop(text(pod.send(get(path)).await).await);
    }
    assert_eq!(counted(&pod).0, 4);
    pod.front.apply(&Serving { ignore_paths: vec!["/".into()], ..serving() });
    drop(text(pod.send(get("/")).await).await);
    drop(text(pod.send(get("/healthz")).await).await);
    assert_eq!(counted(&pod).0, 1);
}
