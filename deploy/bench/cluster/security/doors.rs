//! Whatever a request says of its host: a door leads to its own workload.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Target;
use crate::cluster::app::App;
use crate::cluster::system::System;
use crate::scrape::Scraper;

/// Longer than a wake.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back: its status, and all of it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

/// Where requests try to go.
struct Elsewhere {
    /// Another workload's Service.
    service: SocketAddr,
    /// Another workload's pod.
    pod: SocketAddr,
    /// Somebody outside.
    outside: SocketAddr,
}

/// Writes these bytes and reads until the other side closes.
pub(super) async fn raw(to: SocketAddr, request: &str) -> anyhow::Result<Answer> {
    let asked = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let text = timeout(PATIENCE, asked).await.context("no answer")??;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.with_context(|| format!("no HTTP: {text:?}"))?, text })
}

/// Over HTTP/2, whose `:authority` is foreign.
async fn http2(to: SocketAddr, host: &str) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(to).await?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{host}/")).body(Empty::<Bytes>::new())?;
    let response = timeout(PATIENCE, sender.send_request(request)).await.context("no answer")??;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok(Answer { status, text: String::from_utf8_lossy(&body).into_owned() })
}

/// Requests to `own` that would rather be somewhere else.
fn tricks(own: &str, elsewhere: &Elsewhere) -> Vec<String> {
    let Elsewhere { service, pod, outside } = elsewhere;
    let names = ["honest", "honest.rouse-bench", "honest.rouse-bench.svc.cluster.local"].map(str::to_owned);
    let places = names.into_iter().chain([service.to_string(), pod.to_string(), outside.to_string()]);
    let mut tricks = Vec::new();
    for place in places {
        tricks.push(format!("GET / HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"));
        tricks.push(format!("GET http://{place}/ HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"));
        tricks.push(format!("GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"));
        tricks.push(format!("GET / HTTP/1.1\r\nHost: {own}\r\nHost: {place}\r\nConnection: close\r\n\r\n"));
        tricks.push(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"));
    }
    tricks.extend(
        [
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET http://honest/ HTTP/1.0\r\n\r\n",
            "GET http://user@honest/ HTTP/1.1\r\nHost: asked\r\nConnection: close\r\n\r\n",
            "GET //honest/ HTTP/1.1\r\nHost: asked\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: asked/../honest\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: asked\r\nX-Forwarded-Host: honest\r\nForwarded: host=honest\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: asked\r\nRouse-May-Refuse: 1\r\nK-Passthrough-Lb: true\r\nConnection: close\r\n\r\n",
        ]
        .map(str::to_owned),
    );
    tricks
}

/// Sends every trick at once; how many reached its own pods, and how many were refused.
async fn try_all(app: &App, elsewhere: &Elsewhere) -> anyhow::Result<(usize, usize)> {
    let address = app.address().await?;
    let tricks = tricks(&app.name, elsewhere);
    let spoken = ["honest".to_owned(), elsewhere.service.to_string()];
    let (answers, by_http2) = tokio::join!(
        join_all(tricks.iter().map(|trick| raw(address, trick))),
        join_all(spoken.iter().map(|host| http2(address, host))),
    );
    let all = tricks.iter().chain(&spoken).zip(answers.into_iter().chain(by_http2));
    let own = format!("hello from {} ", app.name);
    let (mut reached, mut refused) = (0, 0);
    for (trick, answer) in all {
        let Answer { status, text } = answer.with_context(|| format!("{trick:?}"))?;
        match status {
            200 if text.contains(&own) => reached += 1,
            400..=499 if !text.contains("hello from") => refused += 1,
            _ => anyhow::bail!("{trick:?}: {status} {text:?}"),
        }
    }
    Ok((reached, refused))
}

pub(super) async fn run(system: &System, app: &App, other: &App) -> anyhow::Result<()> {
    let target = Target::of(other).await?;
    // Pods reach this machine by the address of its node.
    let outside = TcpListener::bind("0.0.0.0:0").await?;
    let elsewhere = Elsewhere {
        service: other.address().await?,
        pod: SocketAddr::new(target.address, 8012),
        outside: SocketAddr::new(target.node, outside.local_addr()?.port()),
    };
    let had = async || anyhow::Ok(Scraper::new(elsewhere.pod).json("/stats").await?["requests"].as_u64());
    let before = had().await?;
    ensure!(before.is_some(), "the other app does not say how many requests it has had");
    app.until_ready(0, 60).await?;
    for when in ["at zero", "while it runs"] {
        let (reached, refused) = try_all(app, &elsewhere).await.context(when)?;
        println!(
            "security: Host tricks {when}: {reached} reached their own workload, {refused} were refused, 0 went elsewhere"
        );
    }
    for activator in system.activators().await? {
        let gateway = SocketAddr::new(activator.admin.ip(), 8080);
        for place in [elsewhere.service, elsewhere.pod, elsewhere.outside] {
            let trick = format!("GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n");
            let answer = raw(gateway, &trick).await?;
            ensure!(answer.status == 404, "the gateway is an open proxy: {trick:?}: {}", answer.text);
        }
    }
    ensure!(had().await? == before, "the other workload had requests");
    let came = timeout(Duration::from_millis(100), outside.accept()).await;
    ensure!(came.is_err(), "somebody outside was connected to");
    println!(
        "security: the gateway knows workloads only, the other workload had no request, nobody outside was connected to"
    );
    Ok(())
}
