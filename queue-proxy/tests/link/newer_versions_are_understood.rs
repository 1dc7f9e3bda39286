//! What an autoscaler one version newer says is skipped where it has no meaning.

use config::link::{Down, Up};
use queue_proxy::link;
use queue_proxy::net::MemoryNetwork;

use crate::server::{Autoscaler, settings, workload};

/// A frame of a kind that is not known: field 99, three bytes long.
const UNKNOWN: [u8; 10] = [0, 0, 0, 6, 0x9a, 0x06, 3, b'n', b'e', b'w'];

#[tokio::test(start_paused = true)]
async fn frames_of_a_newer_autoscaler_are_skipped() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let (link, mut said, driver) = link::open(settings(&network));
    tokio::spawn(driver);
    let mut server = autoscaler.welcome(1).await;
    assert!(matches!(said.recv().await, Some(Down::Welcome { .. })));
    server.say_bytes(UNKNOWN.to_vec()).await;
    server.say(&Down::Synced).await;
    assert_eq!(said.recv().await, Some(Down::Synced));
    // A heartbeat frame with a field that is not known: field 2, then field 99 within and behind it.
    server.say_bytes(vec![0, 0, 0, 10, 0x12, 4, 0x9a, 0x06, 1, b'x', 0x9a, 0x06, 1, b'y']).await;
    server.say(&Down::WorkloadGone { workload: workload() }).await;
    assert_eq!(said.recv().await, Some(Down::WorkloadGone { workload: workload() }));
    assert_eq!(link.status().reconnects, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_link_is_opened_anew() {
    let network = MemoryNetwork::default();
    let mut autoscaler = Autoscaler::listen(&network);
    let (_link, _said, driver) = link::open(settings(&network));
    tokio::spawn(driver);
    let mut server = autoscaler.welcome(1).await;
    server.say_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
    let (_next, hello) = autoscaler.hello().await;
    assert!(matches!(hello, Up::Hello { .. }));
}
