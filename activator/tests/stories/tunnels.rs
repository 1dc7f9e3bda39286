//! A request that would change to another protocol becomes a tunnel if the workload allows it, else it is one like any
//! other.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::time::Duration;

use activator::HoldLimits;
use config::link::Down;
use config::{PodState, Serving};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::a_refused_request_keeps_its_place::{accept, head};
use crate::support::Stage;

const TCP: &str = "GET / HTTP/1.1\r\nhost: app.localhost\r\nconnection: upgrade\r\nupgrade: h2c, tcp\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn an_activator_is_not_empty_before_the_last_one_closes_whatever_became_of_its_workload() {
    let serving = Serving { upgrades: "tcp".parse().unwrap(), ..Serving::default() };
    let stage = Stage::with(serving, HoldLimits::default());
    let mut app = stage.played_pod("one");
    stage.activator.emptied().await;
    let (_, mut client, mut pod) = ask(&stage, &mut app).await;
    pod.write_all(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\n").await.unwrap();
    head(&mut client).await;
    stage.connections.stop().await;
    stage.activator.remove_workload(&stage.id);
    let mut emptied = std::pin::pin!(stage.activator.emptied());
    assert!(timeout(Duration::from_secs(3600), &mut emptied).await.is_err(), "it is open");
    let before = stage.now();
    drop((client, pod));
    emptied.await;
    assert_eq!(stage.now(), before);
}

/// Asks for a tunnel. What the app sees first, and both sides of the conversation.
async fn ask(stage: &Stage, app: &mut mpsc::Receiver<DuplexStream>) -> (String, DuplexStream, DuplexStream) {
    let (mut client, server) = tokio::io::duplex(64 << 10);
    tokio::spawn(stage.connections.serve_memory(server, stage.activator.gateway()));
    client.write_all(TCP.as_bytes()).await.unwrap();
    let mut pod = app.recv().await.unwrap();
    (head(&mut pod).await, client, pod)
}

async fn is_tunnelled(stage: &Stage, app: &mut mpsc::Receiver<DuplexStream>) {
    let (seen, mut client, mut pod) = ask(stage, app).await;
    assert!(seen.contains("upgrade: tcp\r\n") && !seen.contains("h2c"), "{seen}");
    pod.write_all(b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\n").await.unwrap();
    assert!(head(&mut client).await.starts_with("http/1.1 101"));
    client.write_all(b"?").await.unwrap();
    assert_eq!(pod.read_u8().await.unwrap(), b'?');
    pod.write_all(b"!").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'!');
    assert_eq!(stage.snapshot().open, 1);
    drop((client, pod));
    stage.until(|snapshot| snapshot.open == 0).await;
}

async fn is_not_tunnelled(stage: &Stage, app: &mut mpsc::Receiver<DuplexStream>) {
    let (seen, mut client, mut pod) = ask(stage, app).await;
    assert!(!seen.contains("upgrade"), "{seen}");
    accept(&mut pod).await;
    assert!(head(&mut client).await.starts_with("http/1.1 200"));
    drop((client, pod));
    stage.until(|snapshot| snapshot.open == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_listed_as_soon_as_it_is_listed() {
    let serving = Serving { upgrades: "tcp".parse().unwrap(), ..Serving::default() };
    for is_here in [true, false] {
        let stage = Stage::new(1);
        let mut app = if is_here {
            let address = stage.announce("one", PodState::Ready);
            stage.listener(address)
        } else {
            stage.played_pod("one")
        };
        is_not_tunnelled(&stage, &mut app).await;
        let workload = stage.id.clone();
        let settings = Down::Settings { workload, serving: serving.clone(), watermark: 0 };
        stage.activator.apply(&settings);
        is_tunnelled(&stage, &mut app).await;
        stage.set_workload(&Serving::default());
        is_not_tunnelled(&stage, &mut app).await;
        stage.set_workload(&serving);
        is_tunnelled(&stage, &mut app).await;
    }
}
