//! Kubernetes: plain workloads with two labels, woken, scaled and routed.
//!
//! No custom resource is needed. What must survive a restart is in the cluster; all else is rebuilt from watches and
//! from what reporters say.

pub mod discovery;
pub mod names;
pub mod platform;
pub mod route_calls;
pub mod told;
pub mod writes;
