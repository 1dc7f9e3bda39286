//! A client that opens a connection for each request, as `curl` does.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// `Rouse-Reason`, if Rouse answered itself.
    pub(crate) reason: Option<String>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("status {}: not JSON", self.status))
    }
}

/// Sends one GET over a connection of its own and reads the whole answer.
pub(crate) async fn get(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(path).header(http::header::HOST, host).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let reason = response.headers().get("rouse-reason").and_then(|word| Some(word.to_str().ok()?.to_owned()));
    let body = response.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok(Answer { status, body, reason })
}
