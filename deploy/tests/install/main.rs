//! Into a cluster and out of it: what is installed, what it may do, and how it leaves.

mod apiserver;
mod entering;
mod examples;
mod flags;
mod leaving;
mod manifests;
mod permissions;
mod pods;
mod printed;
mod rights;
