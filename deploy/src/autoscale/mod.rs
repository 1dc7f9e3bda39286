//! `rouse autoscaler`: reports in from everyone who is linked; pods, routes and settings out.

mod cluster;
mod core;
mod listed;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use self::cluster::ClusterOptions;
use crate::link::ReporterIdentity;
use crate::process::{self, RunError};

/// What `rouse autoscaler` was asked to do.
#[derive(Debug)]
pub struct AutoscalerOptions {
    /// Where pods live.
    pub platform: PlatformFlag,
    /// Where the pods that are wanted are written.
    pub wishes: Option<PathBuf>,
    /// Where reporters connect.
    pub listen: SocketAddr,
    /// Where the admin port listens.
    pub admin: SocketAddr,
    /// Certificate and key of the port for reporters; without them it is plain.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// How reporters show who they are.
    pub reporter_identity: ReporterIdentity,
    /// What matters on Kubernetes only.
    pub cluster: ClusterOptions,
    /// How long nothing is taken for gone that has not spoken yet.
    pub sync_after: Duration,
}

/// A platform, as a flag names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformFlag {
    /// `static:FILE`: workloads and pods as a file lists them.
    Static(PathBuf),
    /// `kubernetes`: the cluster in which this process runs, or that KUBECONFIG names.
    Kubernetes,
}

impl FromStr for PlatformFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<PlatformFlag, String> {
        match text.split_once(':') {
            Some(("static", file)) if !file.is_empty() => Ok(PlatformFlag::Static(file.into())),
            None if text == "kubernetes" => Ok(PlatformFlag::Kubernetes),
            _ => Err("write kubernetes, or static:FILE, where FILE lists workloads and pods".to_owned()),
        }
    }
}

/// Decides until SIGTERM or Ctrl-C, and then ends at once: pods stay, traffic flows, and reporters keep what they have
/// to say for the next one.
///
/// # Errors
/// When the files are wrong, a port is in use, the cluster does not answer, or the operating system refuses something.
pub fn run(options: &AutoscalerOptions) -> Result<(), RunError> {
    process::run(async {
        match &options.platform {
            PlatformFlag::Static(file) => listed::serve(options, file).await,
            PlatformFlag::Kubernetes => cluster::serve(options).await,
        }
    })
}
