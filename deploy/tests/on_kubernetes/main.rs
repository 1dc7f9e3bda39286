//! The Kubernetes platform on an apiserver in memory: what it says, what it writes, what it asks for. Time is virtual.

mod apiserver;
mod bad_input;
mod behind;
mod cluster;
mod driven;
mod failures;
mod foreign_scale;
mod gaps;
mod idle;
mod keda;
mod leaving;
#[path = "../route/links.rs"]
mod links;
mod named;
mod other_kinds;
mod ports;
mod routed;
mod scaled_jobs;
mod unreadable;
mod wakes;
