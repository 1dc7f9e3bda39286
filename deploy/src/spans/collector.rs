//! Who takes spans: where it is, and one request to it.

use std::pin::Pin;
use std::str::FromStr;

use anyhow::Context;
use bytes::Bytes;
use config::bounds;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Where a collector takes traces, as `http://HOST:PORT`, below which it has `/v1/traces`; or, if empty, nowhere: so
/// OpenTelemetry reads its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Option<Uri>);

impl Endpoint {
    /// Where traces go.
    pub(super) fn traces(&self) -> Option<&Uri> {
        self.0.as_ref()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Endpoint, String> {
        if text.is_empty() {
            return Ok(Endpoint(None));
        }
        let base: Uri = text.parse().map_err(|error| format!("{error}: write http://HOST:PORT"))?;
        match (base.scheme_str(), base.authority()) {
            (Some("http"), Some(at)) if at.as_str().contains('@') => {
                Err("no name and password here: they go into the environment, OTEL_EXPORTER_OTLP_HEADERS".to_owned())
            }
            (Some("http"), Some(at)) => {
                let whole = format!("http://{at}{}/v1/traces", base.path().trim_end_matches('/'));
                whole.parse().map(|uri| Endpoint(Some(uri))).map_err(|error| format!("{error}"))
            }
            (Some("https"), _) => {
                Err("only http: have a collector on this machine send on what is to go far".to_owned())
            }
            _ => Err("write http://HOST:PORT".to_owned()),
        }
    }
}

/// Sends each batch over a connection of its own: they are seconds apart.
#[derive(Debug)]
pub(super) struct Collector;

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
    {
        Box::pin(async {
            // The exporter keeps the reason to itself.
            post(request).await.inspect_err(|error| tracing::debug!("a collector: {error:#}")).map_err(Into::into)
        })
    }
}

async fn post(request: Request<Bytes>) -> anyhow::Result<Response<Bytes>> {
    let (mut head, body) = request.into_parts();
    let host = head.uri.host().context("the URL has no host")?;
    let address = format!("{host}:{}", head.uri.port_u16().unwrap_or(80));
    head.headers.insert(HOST, HeaderValue::from_str(&address)?);
    head.uri = head.uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);

    let stream = TcpStream::connect(&address).await.with_context(|| format!("cannot connect to {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, bounds::SPANS_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error).context("its answer"))?.to_bytes();
    Ok(Response::from_parts(head, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(text: &str) -> Result<Option<String>, String> {
        Ok(text.parse::<Endpoint>()?.traces().map(Uri::to_string))
    }

    #[test]
    fn traces_go_below_what_is_given_and_nothing_given_is_nowhere() {
        assert_eq!(traces("http://localhost:4318"), Ok(Some("http://localhost:4318/v1/traces".to_owned())));
        assert_eq!(traces("http://[::1]:4318/otlp/"), Ok(Some("http://[::1]:4318/otlp/v1/traces".to_owned())));
        assert_eq!(traces(""), Ok(None));
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_advice() {
        for (text, advice) in [
            ("localhost:4318", "write http://HOST:PORT"),
            ("/v1/traces", "write http://HOST:PORT"),
            ("grpc://localhost:4317", "write http://HOST:PORT"),
            ("https://far.example:4318", "only http"),
            ("http://me:word@localhost:4318", "OTEL_EXPORTER_OTLP_HEADERS"),
        ] {
            let error = traces(text).unwrap_err();
            assert!(error.contains(advice), "{text}: {error}");
        }
    }
}
