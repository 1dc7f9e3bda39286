//! What a process says of itself, over one connection that is kept.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One that takes longer than this has no answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks one address, again and again.
pub(crate) struct Scraper {
    address: SocketAddr,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Scraper {
    pub(crate) fn new(address: SocketAddr) -> Scraper {
        Scraper { address, sender: None }
    }

    /// The answer to one GET as text; any other status than 200 is an error.
    pub(crate) async fn text(&mut self, path: &str) -> anyhow::Result<String> {
        let asked = timeout(PATIENCE, self.ask(path)).await.context("no answer in time").and_then(|answer| answer);
        if asked.is_err() {
            self.sender = None;
        }
        asked.with_context(|| format!("{}{path}", self.address))
    }

    /// The same, as JSON.
    pub(crate) async fn json(&mut self, path: &str) -> anyhow::Result<Value> {
        let text = self.text(path).await?;
        serde_json::from_str(&text).with_context(|| format!("{}{path}: not JSON: {text}", self.address))
    }

    async fn ask(&mut self, path: &str) -> anyhow::Result<String> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let sender = self.sender.as_mut().context("no connection")?;
        sender.ready().await?;
        let request = http::Request::get(path).header(http::header::HOST, "bench").body(Empty::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status == 200, "status {status}");
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// The sum of all lines of the metric `name`, whatever their labels; `None` if there is none.
pub(crate) fn metric(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = if rest.starts_with('{') { rest.rsplit_once('}')?.1 } else { rest };
        rest.starts_with(' ').then(|| rest.trim().parse::<f64>().ok())?
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::metric;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_no_longer_name_is_taken_for_it() {
        let text = "# TYPE a gauge\na{x=\"1\"} 2\na{x=\"}\"} 3\na_total 7\nb 1\n";
        assert_eq!(metric(text, "a"), Some(5.0));
        assert_eq!(metric(text, "b"), Some(1.0));
        assert_eq!(metric(text, "c"), None);
    }
}
