//! `rouse autoscaler`: reports in from everyone who is linked; pods, routes and settings out.

mod cluster;
mod core;
mod listed;
mod options;

pub use self::options::{AutoscalerOptions, ClusterOptions, PlatformFlag};
use crate::log;
use crate::process::{self, RunError};

/// Decides until SIGTERM or Ctrl-C, and then ends at once: pods stay, traffic flows, and reporters keep what they have
/// to say for the next one.
///
/// # Errors
/// When the files are wrong, a port is in use, the cluster does not answer, or the operating system refuses something.
pub fn run(options: &AutoscalerOptions) -> Result<(), RunError> {
    log::start(options.log_format);
    process::run(async {
        match &options.platform {
            PlatformFlag::Static(file) => listed::serve(options, file).await,
            PlatformFlag::Kubernetes => cluster::serve(options).await,
        }
    })
}
