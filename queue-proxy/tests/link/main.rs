//! The Link of a reporter, against an autoscaler in memory, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod a_silent_link_is_dead;
mod it_tells_how_long_requests_took;
mod newer_versions_are_understood;
mod over_tls;
mod reconnect_never_merges;
mod running_pods_obey;
mod server;
mod the_binary;
