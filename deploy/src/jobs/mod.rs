//! ScaledJobs on one machine: a Job is processes that end.
//!
//! A `Keeper` for each ScaledJob reads its triggers when they are due and starts as many Jobs as
//! [`autoscaler::triggers::jobs`] says. A `Job` is a task: it keeps as many pods running as its spec says, starts another
//! after a pause when one fails, and ends them all when its time is up, or when it is told to leave. What starts a pod is
//! behind `Launch`, so that tests in virtual time run what a machine runs.

mod decided;
mod job;
mod keeper;
mod keepers;
mod launch;
mod ledger;
mod plan;
mod rounds;
#[cfg(test)]
mod stories;
mod table;
mod tally;
mod told;

pub use decided::Decided;
pub(crate) use keepers::Keepers;
pub(crate) use launch::{Launch, Work};
pub(crate) use plan::Plan;
pub(crate) use rounds::{Asked, Rounds};
pub(crate) use told::Lists;
pub use told::{JobNow, JobsNow, Told};
