//! How long requests took is told of each once, by whoever of ours it came to first.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::time::Duration;

use activator::{Activator, HoldLimits};
use config::link::{Reporter, Up};
use config::{Histogram, Latency, Serving};
use tokio::io::AsyncWriteExt;

use crate::a_refused_request_keeps_its_place::head;
use crate::support::{Stage, get};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What the activator tells within the next ten seconds; nothing if it is silent.
async fn told(activator: &Activator) -> Latency {
    let mut frames = Vec::new();
    for _ in 0..10 {
        tokio::time::sleep(SECOND).await;
        activator.take_reports(false, &mut frames);
    }
    let mut latencies = frames.into_iter().filter_map(|frame| match frame {
        Up::Latency { reporter, latency, .. } => {
            assert_eq!(reporter, Reporter::Activator("activator-0".into()));
            Some(latency)
        }
        _ => None,
    });
    let latency = latencies.next().unwrap_or_default();
    assert_eq!(latencies.next(), None, "once in ten seconds");
    latency
}

fn count(histogram: &Histogram) -> u64 {
    histogram.iter().map(|(_, count)| count).sum()
}

/// All took as long as this, or up to `more` longer.
fn assert_took(histogram: &Histogram, wanted: Duration, more: Duration) {
    let (shortest, longest) = (wanted - wanted / 16, wanted + more);
    assert!(histogram.iter().all(|(took, _)| (shortest..=longest).contains(took)), "{histogram:?}, not {wanted:?}");
}

#[tokio::test(start_paused = true)]
async fn those_that_waited_are_told_with_how_long_and_then_there_is_silence() {
    let stage = Stage::new(1);
    let held = stage.hold(0..2).await;
    tokio::time::sleep(3 * SECOND).await;
    stage.start_pod("one");
    for answer in held {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(stage.get(40 * MILLI).await.unwrap().status, 200);
    let latency = told(&stage.activator).await;
    assert_eq!((count(&latency.held), count(&latency.answered)), (2, 3), "the third waited for nobody: {latency:?}");
    assert_took(&latency.held, 3 * SECOND, 20 * MILLI);
    let [fast, slow @ ..] = &latency.answered[..] else { panic!("{latency:?}") };
    assert_took(&vec![*fast], 40 * MILLI, Duration::ZERO);
    assert_took(&slow.to_vec(), 3 * SECOND, 40 * MILLI);

    let mut frames = Vec::new();
    for _ in 0..100 {
        stage.activator.take_reports(false, &mut frames);
    }
    assert_eq!(frames, []);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_given_back_often_waited_once_and_what_passed_the_activator_the_pod_tells_of() {
    let stage = Stage::new(1);
    let remote = stage.remote_pod("one");
    stage.activator.set_remote_pod(&remote.pod);
    let front = remote.front.clone().unwrap();
    let direct = stage.send_to(front.clone(), get(600 * MILLI, 99));
    tokio::time::sleep(MILLI).await;
    let asked: Vec<_> = (0..5).map(|number| stage.send(get(Duration::ZERO, number))).collect();
    for answer in asked.into_iter().chain([direct]) {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert!(stage.snapshot().counts.refused > 5, "{:?}", stage.snapshot().counts);
    let latency = told(&stage.activator).await;
    assert_eq!((count(&latency.held), count(&latency.answered)), (5, 5), "{latency:?}");
    assert_took(&latency.held, 600 * MILLI, 60 * MILLI);
    let of_pod = front.take_latency();
    assert_eq!((count(&of_pod.answered), count(&of_pod.held)), (1, 0));
    assert_took(&of_pod.answered, 600 * MILLI, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_waited_in_vain_waited_too_but_was_not_answered() {
    let response_start_timeout = 2 * SECOND;
    let stage = Stage::with(Serving { response_start_timeout, ..Serving::default() }, HoldLimits::default());
    let mut held = stage.hold(0..2).await;
    held.remove(0).abort();
    stage.until(|snapshot| snapshot.held == 1).await;
    assert_eq!(held.remove(0).await.unwrap().reason(), Some("hold-timeout"));
    let latency = told(&stage.activator).await;
    assert_eq!((count(&latency.held), count(&latency.answered)), (2, 0), "{latency:?}");
    assert_took(&vec![latency.held[1]], response_start_timeout, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_is_no_answer_but_that_it_waited_is_told_while_it_is_open() {
    let stage = Stage::new(0);
    let (mut client, theirs) = tokio::io::duplex(1 << 10);
    tokio::spawn(stage.connections.serve_memory(theirs, stage.activator.gateway()));
    let upgrade = "GET / HTTP/1.1\r\nhost: app.localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(upgrade.as_bytes()).await.unwrap();
    stage.until(|snapshot| snapshot.held == 1).await;
    tokio::time::sleep(SECOND).await;
    let mut connections = stage.played_pod("one");
    let mut app = connections.recv().await.unwrap();
    head(&mut app).await;
    app.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    assert!(head(&mut client).await.starts_with("http/1.1 101"));

    let latency = told(&stage.activator).await;
    assert_eq!((count(&latency.held), count(&latency.answered)), (1, 0), "{latency:?}");
    drop((client, app));
    stage.until(|snapshot| snapshot.open == 0).await;
    assert_eq!(told(&stage.activator).await, Latency::default());
}
