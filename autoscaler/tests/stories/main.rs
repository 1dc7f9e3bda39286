//! The engine in explicit time: events in, actions out.

mod activation_floor;
mod activation_scale_holds_two_pods;
mod burst_step;
mod busy;
mod events_only_raise;
mod explains;
mod fleet;
mod foreign_scale;
mod fresh_start;
mod invariants;
mod latency;
mod no_data_is_not_zero;
mod paused;
mod platform_failures;
mod restart;
mod restarted_reporters;
mod route;
mod same_as_knative;
mod slow_starters;
mod to_zero;
mod triggers;
mod world;
