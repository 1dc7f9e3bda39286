//! What the activator promises, as stories: clients, an activator and pods in one process, in virtual time.

mod a_broken_workload_ends_holds_early;
mod a_client_that_leaves_frees_its_place;
mod first_in_first_out;
mod hosts;
mod never_above_container_concurrency;
mod queue_full_and_hold_timeout;
mod reports;
mod retry_on_another_pod;
mod support;
mod vectors;
