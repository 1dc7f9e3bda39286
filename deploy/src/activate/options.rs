//! The command line of `rouse activator`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::flag;
use crate::log::LogFormat;

/// What `rouse activator` was asked to do.
#[derive(Args, Clone, Debug)]
pub struct ActivatorOptions {
    /// Where the autoscaler listens for it: HOST:PORT
    #[arg(long)]
    pub autoscaler: String,
    /// Where the gateway listens; it routes by Host
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz, /metrics and /v1/workloads are served
    #[arg(long, default_value = "127.0.0.1:8093")]
    pub admin: SocketAddr,
    /// The address at which clients reach it, where that is not the one it listens at
    #[arg(long, env = "ROUSE_POD_IP")]
    pub pod_ip: Option<IpAddr>,
    /// Its name, which no other activator has
    #[arg(long)]
    pub name: String,
    /// Who signs the autoscaler's certificate (PEM); without it the Link is plain
    #[arg(long)]
    pub link_ca: Option<PathBuf>,
    /// The file of the token that shows the autoscaler who this is; read each time that it connects
    #[arg(long, requires = "link_ca")]
    pub link_token: Option<PathBuf>,
    /// How long it serves on after the last new connection once it is told to end
    #[arg(long, default_value = "10s", value_parser = flag::duration)]
    pub drain_quiet: Duration,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    pub log_format: LogFormat,
}
