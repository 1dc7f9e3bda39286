//! All pods' front: hold, balance, hand over.
//!
//! The activator is what a queue-proxy is, standing in front of *all* pods of a workload: while none can take a
//! request it holds it, first in first out and within bounds, and hands it over the moment one can. It also tells the
//! autoscaler, each second and at once where it matters, what waits and what runs.

mod activator;
mod balance;
mod board;
mod gateway;
mod hold;
mod latency;
mod ledger;
mod member;
mod news;
mod queue;
mod report;
mod roster;
mod routes;
mod serve;
mod snapshot;
mod sync;
mod took;

pub use activator::Activator;
pub use balance::{Balance, Picker};
pub use board::Admission;
pub use gateway::{Door, Gateway};
pub use hold::HoldLimits;
pub use news::Wake;
pub use snapshot::{Counts, PodLoad, Snapshot};
