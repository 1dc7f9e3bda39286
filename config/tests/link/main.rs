//! The Link's codec: what one side says, the other hears, also one version apart, and a stranger harms nobody.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod any;
mod round_trip;
mod skew;
mod strangers;
