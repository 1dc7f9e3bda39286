//! Kubernetes: plain workloads with two labels, woken, scaled and routed.
//!
//! No custom resource is needed. What must survive a restart is in the cluster; all else is rebuilt from watches and
//! from what reporters say.

mod again;
pub mod endpoint;
pub mod identity;
pub mod lease;
#[cfg(test)]
mod mock;
pub mod names;
pub mod writes;
