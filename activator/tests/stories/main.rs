//! What the activator promises, as stories: clients, an activator and pods in one process, in virtual time.

mod a_body_is_sent_again;
mod a_broken_workload_ends_holds_early;
mod a_client_that_leaves_frees_its_place;
mod a_pod_that_goes_is_left_at_once;
mod a_refusal_reaches_who_still_sends;
mod a_refused_request_keeps_its_place;
mod a_slow_pod_gets_little;
mod first_in_first_out;
mod hosts;
mod how_long_requests_took;
mod ignored_paths_wake_nothing;
mod never_above_container_concurrency;
mod no_pod_idles_while_another_queue_holds;
mod queue_full_and_hold_timeout;
mod remote;
mod reports;
mod retry_on_another_pod;
mod support;
mod the_sum_counted_is_the_sum_sent;
mod tunnels;
mod vectors;
mod what_the_autoscaler_says;
