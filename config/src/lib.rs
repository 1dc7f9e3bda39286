//! What users declare, and the nouns that the rest of Rouse speaks.
//!
//! Types and parsing only: no runtime, no I/O, no clock. Everything here can be built, compared and printed in a unit
//! test. The other rooms depend on this one; it depends on none of them.
//!
//! Two halves:
//! - the nouns: [`Workload`], [`Pod`], [`Route`], [`Report`], [`Decision`], the [`link`] frames and the
//!   [`platform::Platform`] trait;
//! - the parsers of what users write, each of which reports every error of an object together.

pub mod annotations;
pub mod autoscaler_config;
pub mod bounds;
mod config_map;
pub mod decision;
pub mod defaults;
pub mod duration;
pub mod keda;
pub mod latency;
pub mod link;
pub mod manifest;
mod node;
pub mod number;
pub mod platform;
pub mod pod;
pub mod policy;
pub mod problem;
pub mod quantity;
pub mod report;
pub mod serving;
pub mod time;
pub mod upgrades;
mod value;
pub mod workload;

pub use autoscaler_config::AutoscalerConfig;
pub use decision::{Decision, Reason, Route};
pub use defaults::Defaults;
pub use duration::GoDuration;
pub use latency::{Histogram, Latency};
pub use platform::{Platform, PlatformError, PlatformEvent};
pub use pod::{Failure, Pod, PodId, PodState};
pub use policy::{Aggregation, BurstCapacity, Departure, Metric, Mode, Policy, Without};
pub use problem::{Findings, Problem, Problems, Warning};
pub use report::Report;
pub use serving::{Probe, ProbeKind, Protocol, Serving};
pub use time::Time;
pub use upgrades::Upgrades;
pub use value::did_you_mean;
pub use workload::{Workload, WorkloadId};
