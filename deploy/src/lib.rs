//! Where Rouse runs: in memory (for tests), on one machine, and on Kubernetes; and the `rouse` command.

pub mod activate;
pub mod admin;
pub mod ask;
pub mod autoscale;
pub mod calls;
pub mod drive;
pub mod exposition;
#[cfg(feature = "grpc")]
pub mod external;
pub mod files;
pub mod flag;
mod fleet;
pub mod fronts;
pub mod gathered;
pub mod inject;
pub mod install;
mod jobs;
pub mod kubernetes;
pub mod link;
pub mod listed;
pub mod local;
pub mod log;
pub mod memory;
pub mod narrate;
pub mod pod;
pub mod process;
pub mod run;
pub mod sample;
pub mod sources;
pub mod spans;
pub mod triggers;
pub mod wakes;
