//! One connection to an external scaler, on which all triggers that name it ask.

use std::fmt;
use std::time::Duration;

use autoscaler::triggers::metadata::Tls;
use config::bounds;
use http::Uri;
use http::uri::PathAndQuery;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::external::messages::{
    self as say, GetMetrics, IsActive, MetricSpec, MetricSpecs, MetricValue, MetricValues, ScaledObjectRef,
};
use crate::sources::cause::{innermost, is_tls};
use crate::sources::{OpenError, Trouble, trust};

/// How often a silent server is asked whether it is still there: a stream may be silent for days.
const PING: Duration = Duration::from_secs(30);

/// Asks an external scaler.
pub(super) struct Client(Grpc<legacy::Client<HttpsConnector<HttpConnector>, Body>>);

impl Client {
    /// To `address` (`host:port`).
    pub(super) fn new(address: &str, tls: Option<&Tls>) -> Result<Client, OpenError> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin: Uri = format!("{scheme}://{address}")
            .parse()
            .map_err(|_| OpenError::parameter("scalerAddress", "is not an address: write host:port"))?;
        let config = tls.map_or_else(|| Ok(trust::nobody()), trust::client_config)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(bounds::SOURCE_CONNECT_TIME));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http2().wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(bounds::SOURCE_IDLE_TIME)
            .http2_keep_alive_interval(PING)
            .build(connector);
        Ok(Client(Grpc::with_origin(client, origin).max_decoding_message_size(bounds::GRPC_MESSAGE_BYTES)))
    }

    pub(super) async fn specs(&self, object: ScaledObjectRef) -> Result<Vec<MetricSpec>, Trouble> {
        self.call(say::GET_METRIC_SPEC, object).await.map(|answer: MetricSpecs| answer.specs)
    }

    pub(super) async fn values(&self, asks: GetMetrics) -> Result<Vec<MetricValue>, Trouble> {
        self.call(say::GET_METRICS, asks).await.map(|answer: MetricValues| answer.values)
    }

    pub(super) async fn is_active(&self, object: ScaledObjectRef) -> Result<bool, Trouble> {
        self.call(say::IS_ACTIVE, object).await.map(|answer: IsActive| answer.result)
    }

    /// Opens the stream on which the scaler says when it becomes active.
    pub(super) async fn pushes(&self, object: ScaledObjectRef) -> Result<Streaming<IsActive>, Trouble> {
        let mut grpc = self.0.clone();
        grpc.ready().await.map_err(|error| trouble(&Status::from_error(error.into())))?;
        let path = PathAndQuery::from_static(say::STREAM_IS_ACTIVE);
        let codec = ProstCodec::<ScaledObjectRef, IsActive>::default();
        let opened = grpc.server_streaming(Request::new(object), path, codec).await;
        opened.map(tonic::Response::into_inner).map_err(|status| trouble(&status))
    }

    async fn call<Said, Heard>(&self, path: &'static str, said: Said) -> Result<Heard, Trouble>
    where
        Said: Message + 'static,
        Heard: Message + Default + 'static,
    {
        let mut grpc = self.0.clone();
        grpc.ready().await.map_err(|error| trouble(&Status::from_error(error.into())))?;
        let codec = ProstCodec::<Said, Heard>::default();
        let answer = grpc.unary(Request::new(said), PathAndQuery::from_static(path), codec).await;
        answer.map(tonic::Response::into_inner).map_err(|status| trouble(&status))
    }
}

/// Whose trouble a status is: what comes of the connection has a cause, what the scaler says has not.
pub(super) fn trouble(status: &Status) -> Trouble {
    if let Some(cause) = std::error::Error::source(status) {
        let reason = innermost(cause);
        return match is_tls(cause) {
            true => Trouble::Question(format!("no TLS: {reason}")),
            false => Trouble::Server(format!("no answer: {reason}")),
        };
    }
    let said = format!("says {:?}: {}", status.code(), status.message());
    match status.code() {
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => Trouble::Server(said),
        _ => Trouble::Question(said),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(..)")
    }
}
