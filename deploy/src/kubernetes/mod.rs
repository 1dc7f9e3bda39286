//! Kubernetes: plain workloads with two labels, woken, scaled and routed.
//!
//! No custom resource is needed. What must survive a restart is in the cluster; all else is rebuilt from watches and
//! from what reporters say.

mod again;
mod agenda;
mod alarms;
mod apply;
pub mod authority;
pub mod client;
pub mod discovery;
pub mod disruption;
pub mod endpoint;
pub mod events;
mod failures;
pub mod fronts;
mod health;
pub mod identity;
pub mod keda;
pub mod knative;
pub mod lease;
#[cfg(test)]
mod mock;
pub mod names;
mod objects;
pub(crate) mod own_pods;
mod owners;
mod patches;
pub mod platform;
mod pods;
pub mod route;
pub mod route_calls;
pub(crate) mod said;
mod scale;
pub mod scaled_kind;
mod settings;
mod shared;
pub mod told;
mod view;
mod watch;
mod watched;
mod workloads;
pub mod writes;
