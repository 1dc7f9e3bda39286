//! Scaling on triggers, as stories in virtual time.

mod backlog;
mod fallback;
mod formula;
mod no_data_lowers_nothing;
mod paused;
mod policies_to_zero;
mod properties;
mod schedule;
mod tutorial;
mod world;
