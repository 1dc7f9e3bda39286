//! The engine in explicit time: events in, actions out.

mod activation_scale_holds_two_pods;
mod events_only_raise;
mod explains;
mod fresh_start;
mod invariants;
mod platform_failures;
mod same_as_knative;
mod to_zero;
mod world;
