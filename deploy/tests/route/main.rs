//! How requests to Services reach activators or pods on Kubernetes: a file for each promise. In virtual time, on an
//! apiserver in memory that records what is written.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod activators_come_and_go;
mod adoption;
mod cluster;
mod evidence;
mod giving_back;
mod links;
mod restart;
mod town;
mod turning;
mod writes;
