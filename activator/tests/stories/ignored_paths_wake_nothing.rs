//! What load balancers ask for is answered at zero, wakes nothing and is counted nowhere.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::time::Duration;

use activator::HoldLimits;
use bytes::Bytes;
use config::Serving;
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::remote::counted_at_gates;
use crate::support::Stage;

fn stage() -> Stage {
    let ignore_paths = vec!["/health".to_owned()];
    Stage::with(Serving { container_concurrency: 1, ignore_paths, ..Serving::default() }, HoldLimits::default())
}

fn health() -> Request<Full<Bytes>> {
    Request::get("/health?from=balancer").header("host", "app.localhost").body(Full::default()).unwrap()
}

/// Nothing is told, and nothing is known.
fn nothing_happened(stage: &Stage) {
    let snapshot = stage.snapshot();
    assert_eq!((snapshot.open, snapshot.held, snapshot.counts.arrived, snapshot.counts.held), (0, 0, 0, 0));
    assert!(stage.activator.news().now_or_never().is_none());
    let mut frames = Vec::new();
    stage.activator.take_reports(false, &mut frames);
    assert!(frames.is_empty(), "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn at_zero() {
    let stage = stage();
    assert_eq!(stage.send(health()).await.unwrap().status, StatusCode::OK);
    nothing_happened(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_ready_pod_answers_itself_and_counts_nothing() {
    for kind in ["here", "remote", "bare"] {
        let stage = stage();
        let pod = match kind {
            "here" => None,
            "remote" => Some(stage.remote_pod("one")),
            _ => Some(stage.bare_pod("one")),
        };
        match &pod {
            None => drop(stage.start_pod("one")),
            Some(pod) => stage.activator.set_remote_pod(&pod.pod),
        }
        let answer = stage.send(health()).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ok"[..]), "{kind}: the app's own answer");
        tokio::time::sleep(Duration::from_secs(1)).await;
        nothing_happened(&stage);
        assert_eq!(counted_at_gates(&pod), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_pod_is_not_waited_for() {
    for is_remote in [false, true] {
        let stage = stage();
        if is_remote {
            stage.activator.set_remote_pod(&stage.remote_pod("one").pod);
        } else {
            stage.start_pod("one");
        }
        let running = stage.get(Duration::from_secs(1));
        stage.until(|snapshot| snapshot.open == 1).await;
        let before = stage.now();
        let answer = stage.send(health()).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"ignored"[..]));
        assert_eq!(stage.now(), before);
        assert_eq!(running.await.unwrap().status, StatusCode::OK);
    }
}
