//! One HTTP/1.1 connection of a client, and one request over it.

use std::net::SocketAddr;

use anyhow::Context;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::payload::{Echoed, Payload, Sent};

/// The header that carries a request's number.
const ID: &str = "x-request-id";
/// As the sample gives it back.
const ECHOED_ID: &str = "echo-x-request-id";

pub(super) struct Connection {
    pub(super) target: SocketAddr,
    sender: SendRequest<Sent>,
    driver: JoinHandle<()>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) id: u64,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) payload: Payload,
}

/// Why there was no good answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nothing of it was written: the connection had been closed before. Any client opens another.
    Unsent,
    /// It may have been seen.
    Broken(String),
    /// An answer, but not the app's.
    Status(u16, String),
}

impl Connection {
    pub(super) async fn open(target: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(target).await.context("connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { target, sender, driver })
    }

    /// Whether another request may go over it. Waits until the last answer is dealt with.
    pub(super) async fn usable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends one request and reads its whole answer, which must be what was sent.
    pub(super) async fn send(&mut self, asked: &Asked<'_>) -> Result<(), Failed> {
        let broken = |error: hyper::Error| Failed::Broken(chain(&error));
        let mut request = http::Request::post(asked.path);
        if asked.payload == Payload::NONE {
            request = http::Request::get(asked.path);
        }
        let request = request
            .header(http::header::HOST, asked.host)
            .header(ID, asked.id)
            .body(asked.payload.body())
            .map_err(|error| Failed::Broken(error.to_string()))?;
        let mut response = match self.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(error) if error.message().is_some() => return Err(Failed::Unsent),
            Err(error) => return Err(broken(error.into_error())),
        };
        let status = response.status().as_u16();
        if status != 200 {
            let reason = response.headers().get("rouse-reason").and_then(|value| value.to_str().ok());
            let reason = reason.unwrap_or("no reason").to_owned();
            // Read to its end, so that the connection can be used again.
            drop(response.into_body().collect().await);
            return Err(Failed::Status(status, reason));
        }
        let id = response.headers().get(ECHOED_ID).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut echoed = Echoed::default();
        while let Some(frame) = response.body_mut().frame().await {
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                echoed.take(&data);
            }
        }
        if id != Some(asked.id) || !echoed.is(asked.payload) {
            return Err(Failed::Status(200, "the answer is another request's, or not whole".to_owned()));
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// An error with all that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
