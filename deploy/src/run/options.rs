//! The command line of `rouse run`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::log::LogFormat;
use crate::spans::Endpoint;

/// What `rouse run` was asked to do.
#[derive(Args, Clone, Debug)]
pub struct RunOptions {
    /// Manifest files (YAML); together they are one set
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Where the gateway listens; it routes by Host
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where /healthz, /metrics, /v1/workloads and /v1/jobs are served
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub admin: SocketAddr,
    /// Where KEDA may ask what is counted, by gRPC (triggers external and external-push); without it nowhere
    #[arg(long, value_name = "ADDRESS", hide = cfg!(not(feature = "external-scaler")))]
    pub external_scaler: Option<SocketAddr>,
    /// Where spans of wakes and of changes of scale go, by OTLP over HTTP: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    #[cfg_attr(feature = "otel", arg(env = "OTEL_EXPORTER_OTLP_ENDPOINT"))]
    #[cfg_attr(not(feature = "otel"), arg(hide = true))]
    pub otlp_endpoint: Option<Endpoint>,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    pub log_format: LogFormat,
}
