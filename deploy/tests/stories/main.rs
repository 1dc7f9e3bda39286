//! Stories of the whole system, in one process and in virtual time: a file for each promise.

mod activation_scale_holds_two_pods;
mod bad_clients;
mod clients;
#[cfg(all(feature = "external-scaler", feature = "source-external"))]
mod held_here_and_scaled_by_keda;
mod how_long_requests_took;
mod live_edits;
mod no_request_is_lost;
mod nothing_is_written_when_nothing_changed;
mod one_request_at_a_time;
mod platform_that_refuses;
mod route_follows_burst_capacity;
mod sum_counted_is_sum_sent;
mod system;
mod wakes_tell_their_phases;
mod woken_at_once;
