//! What nobody acknowledged is said again, each report as it was; another autoscaler is told the whole last minute.

use std::time::Duration;

use config::link::{Down, Up};
use config::{PodState, Report, Time};
use queue_proxy::link::{self, Link};
use queue_proxy::net::MemoryNetwork;
use tokio::time::{Instant, advance, sleep};

use crate::server::{Autoscaler, settings, workload};

fn second(number: u64) -> Report {
    let from = Time::ZERO + Duration::from_secs(number);
    Report { from, to: from + Duration::from_secs(1), concurrency_ns: number, arrived: 1, ..Report::default() }
}

fn open(network: &MemoryNetwork) -> Link {
    let (link, mut said, driver) = link::open(settings(network));
    tokio::spawn(driver);
    tokio::spawn(async move { while said.recv().await.is_some() {} });
    link
}

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_repeats_what_was_not_acknowledged_each_second_on_its_own() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let link = open(&network);
    (1..=3).for_each(|number| link.report(&workload(), second(number)));
    let mut server = autoscaler.welcome(1).await;
    assert_eq!(server.reports(3).await, [1, 2, 3]);
    server.say(&Down::Ack { seq: 1 }).await;
    while link.status().unacknowledged != 2 {
        sleep(Duration::from_millis(1)).await;
    }
    server.break_off();
    while link.status().is_connected {
        sleep(Duration::from_millis(1)).await;
    }
    (4..=5).for_each(|number| link.report(&workload(), second(number)));
    let mut server = autoscaler.welcome(1).await;
    for number in 2..=5 {
        assert_eq!(server.report().await, Report { seq: number, ..second(number) });
    }
    let status = link.status();
    assert_eq!((status.reconnects, status.resent, status.dropped), (1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_that_was_not_met_before_is_told_the_last_minute() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let link = open(&network);
    let mut server = autoscaler.welcome(1).await;
    for number in 1..=90 {
        link.report(&workload(), second(number));
        advance(Duration::from_secs(1)).await;
        server.say(&Down::Ack { seq: number }).await;
    }
    assert_eq!(server.reports(90).await, (1..=90).collect::<Vec<_>>());
    drop(server);
    drop(autoscaler);
    let mut autoscaler = Autoscaler::listen(&network);
    let mut server = autoscaler.welcome(2).await;
    let first = server.report().await.seq;
    assert!((30..=32).contains(&first), "{first} is a minute ago");
    assert_eq!(server.reports(90 - first as usize).await, (first + 1..=90).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn every_connection_begins_with_hello_and_how_the_pod_is() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let link = open(&network);
    link.state(PodState::Ready);
    let (mut server, first) = autoscaler.hello().await;
    assert!(matches!(server.next().await, Some(Up::State { state: PodState::Ready, .. })), "before any welcome");
    server.break_off();
    let (mut server, again) = autoscaler.hello().await;
    let (Up::Hello { incarnation: first, at: before, .. }, Up::Hello { incarnation: same, at, .. }) = (first, again)
    else {
        panic!("no words")
    };
    assert_eq!(first, same, "the process is the same");
    assert!(before < at);
    assert!(matches!(server.next().await, Some(Up::State { state: PodState::Ready, .. })));
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_that_comes_back_is_found_within_a_second() {
    let network = MemoryNetwork::default();
    let link = open(&network);
    sleep(Duration::from_secs(600)).await;
    assert!(!link.status().is_connected);
    let start = Instant::now();
    let mut autoscaler = Autoscaler::listen(&network);
    let _server = autoscaler.welcome(1).await;
    assert!(Instant::now().duration_since(start) <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_last_words_are_heard_before_it_ends() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let link = open(&network);
    let mut server = autoscaler.welcome(1).await;
    link.report(&workload(), second(1));
    link.left(&workload());
    let finish = tokio::spawn({
        let link = link.clone();
        async move { link.finish().await }
    });
    assert_eq!(server.reports(1).await, [1]);
    assert!(matches!(server.next().await, Some(Up::Left { .. })));
    assert_eq!(server.next().await, None, "and it closes");
    sleep(Duration::from_millis(100)).await;
    assert!(!finish.is_finished(), "the autoscaler has yet to say that it heard");
    drop(server);
    finish.await.unwrap();
}
