//! What a held request costs in memory.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::client::get;
use crate::server::{Rouse, sample};

pub(crate) async fn run(count: usize, idle: Duration) -> anyhow::Result<()> {
    let never = sample("never", &[], &["--start", "3600s"]) + &sample("warm", &[], &[]);

    let rouse = Rouse::start(&never).await?;
    warm(&rouse).await?;
    let before = rouse.resident_kib()?;
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(rouse.gateway).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: never.localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
            .await?;
        connections.push(stream);
    }
    held(&rouse, count).await?;
    report("HTTP/1 connections", count, before, rouse.resident_kib()?, 12.0);
    drop(connections);
    held(&rouse, 0).await?;
    rouse.stop().await?;

    let rouse = Rouse::start(&never).await?;
    warm(&rouse).await?;
    let before = rouse.resident_kib()?;
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count.div_ceil(100) {
        let stream = TcpStream::connect(rouse.gateway).await?;
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        for _ in 0..100 {
            let mut sender = sender.clone();
            let request = http::Request::get("http://never.localhost/").body(Empty::<Bytes>::new())?;
            streams.push(tokio::spawn(async move { sender.send_request(request).await.map(|answer| answer.status()) }));
        }
    }
    held(&rouse, streams.len()).await?;
    report("HTTP/2 streams, 100 a connection", streams.len(), before, rouse.resident_kib()?, 4.0);
    for stream in &streams {
        stream.abort();
    }
    rouse.stop().await?;

    let rouse = Rouse::start(&sample("idle", &[("autoscaling.knative.dev/window", "6s")], &[])).await?;
    ensure!(get(rouse.gateway, "idle.localhost", "/").await?.status == 200, "no answer:\n{}", rouse.log());
    sleep(idle).await;
    let explained = rouse.explain("default/Deployment/idle").await?;
    let resident = rouse.resident_kib()? as f64 / 1024.0;
    println!(
        "rouse, {} s after the last request, {}: VmRSS {resident:.1} MiB (bar 12 MB)",
        idle.as_secs(),
        explained["state"]
    );
    rouse.stop().await
}

/// One answered request first, so that what is measured is requests and not the first use of code.
async fn warm(rouse: &Rouse) -> anyhow::Result<()> {
    let answer = get(rouse.gateway, "warm.localhost", "/").await?;
    ensure!(answer.status == 200, "status {}:\n{}", answer.status, rouse.log());
    sleep(Duration::from_millis(300)).await;
    Ok(())
}

/// Waits until exactly `count` requests are held.
async fn held(rouse: &Rouse, count: usize) -> anyhow::Result<()> {
    let mut last = 0;
    for _ in 0..600 {
        last = rouse.explain("default/Deployment/never").await?["held"].as_u64().context("no held in explain")?;
        if last == count as u64 {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{last} of {count} requests are held:\n{}", rouse.log())
}

fn report(what: &str, count: usize, before: u64, after: u64, bar: f64) {
    let each = after.saturating_sub(before) as f64 / count as f64;
    println!("{count} held over {what}: VmRSS {before} -> {after} KiB, {each:.2} KiB each (bar {bar} KiB)");
}
