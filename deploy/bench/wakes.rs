//! How much a wake costs beyond what the app itself needs to start.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::get;
use crate::server::{Rouse, rouse_binary, sample};
use crate::{ms, quantile};

pub(crate) async fn run(count: usize) -> anyhow::Result<()> {
    let manifest: String = (0..count).map(|n| sample(&name(n), &[], &[])).collect();

    // One after the other; beside each, the bare command, so that both see the same machine.
    let rouse = Rouse::start(&manifest).await?;
    let (mut wakes, mut bare) = (Vec::new(), Vec::new());
    for n in 0..count {
        bare.push(exec_to_listen().await?);
        let asked = Instant::now();
        let answer = get(rouse.gateway, &host(n), "/").await?;
        wakes.push(Instant::now() - asked);
        ensure!(answer.status == 200, "wake {n}: status {}\n{}", answer.status, rouse.log());
    }
    rouse.stop().await?;
    bare.sort();
    let floor = quantile(&bare, 0.5);
    let mut ours: Vec<Duration> = wakes.iter().map(|wake| wake.saturating_sub(floor)).collect();
    ours.sort();
    println!("{count} wakes, one after the other");
    println!("  bare exec -> listen        p50 {:8.2} ms   p99 {:8.2} ms", ms(floor), ms(quantile(&bare, 0.99)));
    println!(
        "  answer - request - that    p50 {:8.2} ms   p99 {:8.2} ms   (goal 5 / 20)",
        ms(quantile(&ours, 0.5)),
        ms(quantile(&ours, 0.99))
    );

    // All at once.
    let rouse = Rouse::start(&manifest).await?;
    let asked = Instant::now();
    let requests: Vec<_> = (0..count)
        .map(|n| {
            let gateway = rouse.gateway;
            tokio::spawn(async move { get(gateway, &host(n), "/").await.map(|answer| (answer.status, Instant::now())) })
        })
        .collect();
    let (mut errors, mut times) = (0, Vec::new());
    for request in requests {
        match request.await? {
            Ok((200, at)) => times.push(at - asked),
            Ok((status, _)) => {
                errors += 1;
                println!("  status {status}");
            }
            Err(error) => {
                errors += 1;
                println!("  {error:#}");
            }
        }
    }
    times.sort();
    if !times.is_empty() {
        println!(
            "{count} workloads woken at once   p50 {:8.2} ms   last {:8.2} ms   errors {errors}",
            ms(quantile(&times, 0.5)),
            ms(quantile(&times, 1.0))
        );
    }
    ensure!(errors == 0, "{errors} of {count} wakes failed:\n{}", rouse.log());
    rouse.stop().await
}

fn name(n: usize) -> String {
    format!("w{n:03}")
}

fn host(n: usize) -> String {
    format!("{}.localhost", name(n))
}

/// From the start of the bare command to its first accepted connection.
async fn exec_to_listen() -> anyhow::Result<Duration> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let rouse = rouse_binary()?;
    let started = Instant::now();
    let mut child = Command::new(rouse)
        .arg("sample")
        .env("PORT", address.port().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start rouse sample")?;
    let mut listens = started;
    while listens - started < Duration::from_secs(10) {
        let connected = TcpStream::connect(address).await.is_ok();
        listens = Instant::now();
        if connected {
            break;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    child.kill()?;
    child.wait()?;
    Ok(listens - started)
}
