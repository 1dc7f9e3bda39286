//! A side that has nothing to say says so; one that does not is dead.

use std::time::Duration;

use config::link::{Down, Up};
use queue_proxy::link;
use queue_proxy::net::MemoryNetwork;
use tokio::time::{Instant, sleep};

use crate::server::{Autoscaler, settings};

const HEARTBEAT: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn after_three_heartbeats_without_a_word_the_link_is_opened_anew() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let (link, _said, driver) = link::open(settings(&network));
    tokio::spawn(driver);
    let (mut server, _) = autoscaler.hello().await;
    server.say(&Down::Welcome { incarnation: 1, heartbeat: HEARTBEAT }).await;
    for _ in 0..10 {
        sleep(HEARTBEAT).await;
        server.say(&Down::Heartbeat).await;
    }
    let silent_since = Instant::now();
    assert!(link.status().is_connected);
    assert_eq!(link.status().reconnects, 0);
    // The connection stays open: only the silence tells.
    let (_next, _) = autoscaler.hello().await;
    let noticed = Instant::now().duration_since(silent_since);
    assert!(3 * HEARTBEAT <= noticed && noticed <= 3 * HEARTBEAT + Duration::from_secs(1), "{noticed:?}");
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_says_nothing_at_all_is_dead_too() {
    let network = MemoryNetwork::default();
    let mut silent = network.listen(crate::server::address());
    let (_link, _said, driver) = link::open(settings(&network));
    tokio::spawn(driver);
    let start = Instant::now();
    let first = silent.recv().await.unwrap();
    let _second = silent.recv().await.unwrap();
    assert!(Instant::now().duration_since(start) <= Duration::from_secs(17));
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn an_idle_reporter_says_that_it_lives_and_no_more() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let (_link, _said, driver) = link::open(settings(&network));
    tokio::spawn(driver);
    let mut server = autoscaler.welcome(1).await;
    let mut last = None;
    for _ in 0..5 {
        server.say(&Down::Heartbeat).await;
        let Some(Up::Heartbeat { at }) = server.next().await else { panic!("something else") };
        if let Some(last) = last {
            let pause = at.since(last);
            assert!(Duration::from_secs(5) <= pause && pause < Duration::from_secs(6), "{pause:?}");
        }
        last = Some(at);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_does_not_listen_for_a_while_is_still_alive() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let (link, mut said, driver) = link::open(settings(&network));
    tokio::spawn(driver);
    let mut server = autoscaler.welcome(1).await;
    // More than there is room for: reading stops, and what is said in between stays in the pipe.
    for _ in 0..2 * config::bounds::LINK_FRAMES {
        server.say(&Down::Synced).await;
    }
    for _ in 0..20 {
        assert!(matches!(server.next().await, Some(Up::Heartbeat { .. })), "it says that it lives");
    }
    assert_eq!(link.status().reconnects, 0);
    for _ in 0..2 * config::bounds::LINK_FRAMES + 1 {
        said.recv().await.unwrap();
    }
}
