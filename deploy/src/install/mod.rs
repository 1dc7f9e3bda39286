//! Into a cluster and out of it again: `rouse manifests`, `rouse install`, `rouse uninstall`.
//!
//! What is installed is plain data (`manifests`); `enter` applies it, object by object, and `leave` gives every workload
//! and Service back before it takes it away.

mod apply;
mod available;
mod cluster;
mod enter;
mod flags;
mod going;
mod leave;
mod manifests;
mod object;
mod patience;
mod serves;
mod settings;
mod workloads;
mod yaml;

pub use cluster::{ClusterError, connect};
pub use enter::install;
pub use flags::{How, InstallFlags, Leaving, ManifestsFlags, Target, UninstallFlags};
pub use leave::uninstall;
pub use manifests::manifests;
pub use object::Object;
pub use settings::{BadKubeVersion, BudgetApi, KubeVersion, Settings};
pub use yaml::{NotWritten, yaml};

/// Where what is done is told, line by line.
pub type Say<'a> = &'a mut (dyn FnMut(&str) + Send);
