//! Reports in, desired pods and route out. No runtime, no I/O, no clock: whoever calls says what time it is.
//!
//! From what is counted to what is asked of the platform, each step a module that stands on its own:
//!
//! | step | module |
//! | --- | --- |
//! | the reports of one workload, added up by second | [`collect`] |
//! | two windows of seconds, averaged | [`load`], [`window`] |
//! | how many pods that needs, and whether the burst capacity suffices | [`decide`], [`max_window`] |
//! | how long pods take to become ready | [`starts`] |
//! | bounds, and the route that follows | [`scale`] |
//! | whether it serves, and the way to zero | [`activity`], [`to_zero`] |
//!
//! What scales on triggers instead (KEDA's objects) is in [`triggers`], with steps of its own.
//!
//! Beside them [`latency`] keeps how long requests took of late, for those who ask; nothing is decided by it.
//!
//! [`triggers`] scale on what is counted elsewhere than in requests.
//!
//! [`Engine`] holds all workloads and turns events into [`Action`]s by these steps. Each step is Knative's to the
//! number, and says so where it is not: the departures of the default mode have names ([`config::Departure`]), leave
//! reasons of that name ([`reasons`]), and can be switched off one by one.

pub mod activity;
pub mod collect;
pub mod decide;
pub mod engine;
pub mod latency;
mod line;
pub mod load;
pub mod max_window;
pub mod pods;
pub mod reasons;
pub mod scale;
pub mod starts;
pub mod to_zero;
pub mod triggers;
pub mod window;

pub use engine::{
    Action, Engine, EngineSettings, Explanation, Reporters, RequestsNow, StartAs, Status, Triggered, Wish,
};
