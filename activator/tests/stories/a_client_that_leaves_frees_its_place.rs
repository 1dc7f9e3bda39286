//! A client that leaves gives back what it had, at once: its place while it waited, its slot while it was served.

use std::time::Duration;

use config::{Serving, Time};

use crate::support::Stage;
use activator::HoldLimits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_makes_room_for_another() {
    let stage = Stage::with(Serving::default(), HoldLimits { requests: 3, ..HoldLimits::default() });
    let mut sent = stage.hold(0..3).await;
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().reason(), Some("queue-full"));
    sent.remove(1).abort();
    stage.until(|snapshot| snapshot.held == 2).await;
    assert_eq!((stage.snapshot().open, stage.snapshot().counts.left), (2, 1));
    sent.extend(stage.hold(3..4).await);
    let app = stage.start_pod("one");
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    let mut numbers = app.numbers.lock().clone();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 2, 3], "nobody serves a request whose client is gone");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_served_frees_the_slot_for_who_waits() {
    let stage = Stage::new(1);
    stage.start_pod("one");
    let endless = stage.get(Duration::from_secs(100));
    stage.until(|snapshot| snapshot.open == 1).await;
    let waiting = stage.get(Duration::ZERO);
    stage.until(|snapshot| snapshot.held == 1).await;
    endless.abort();
    assert_eq!(waiting.await.unwrap().status, 200);
    assert!(stage.now() < Time::from_secs_f64(1.0));
    assert_eq!((stage.snapshot().open, stage.snapshot().pods[0].in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wake_that_nobody_waited_for_is_none() {
    let stage = Stage::new(1);
    stage.get(Duration::ZERO).abort();
    let sent = stage.hold(0..1).await;
    sent[0].abort();
    stage.until(|snapshot| snapshot.held == 0).await;
    stage.start_pod("one");
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, 200);
    assert!(stage.activator.take_wakes().is_empty());
}

/// Of these hyper does not read all while they are held, and so not the end of the connection either.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_leaves_before_all_of_the_request_was_read_frees_the_place_as_well() {
    let large = "x".repeat(40 << 10); // more than hyper reads, and less than a socket takes
    let requests = [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf of it",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf of it\r\n",
        &format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{large}", large.len()),
        "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ];
    let stage = Stage::new(1);
    let gateway = stage.listen_over_tcp();
    for (left, request) in (1..).zip(requests) {
        let mut client = TcpStream::connect(gateway).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        held(&stage, 1).await;
        drop(client);
        held(&stage, 0).await;
        let seen = stage.snapshot();
        assert_eq!((seen.open, seen.held_bytes, seen.counts.left), (0, 0, left));
    }
}

/// Waits until `number` requests are held: sockets take their time.
#[cfg(target_os = "linux")]
async fn held(stage: &Stage, number: usize) {
    let wait = async {
        while stage.snapshot().held != number {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("sockets are not that slow");
}
