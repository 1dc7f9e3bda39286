//! The autoscaler's side of the Link: a file for each promise. In virtual time and without a socket, but for TLS.

mod doors_are_told_and_said;
mod every_report_counts_once;
mod nothing_is_taken_for_gone_after_a_restart;
mod pods_are_as_they_say;
#[path = "../../src/kubernetes/identity/signer.rs"]
mod signer;
mod slow_and_strange;
mod tls;
mod wakes_tell_their_phases;
mod who_speaks;
mod world;
