//! What the engine wants done.

use config::{Reason, Route, WorkloadId};

/// Something for the driver to do. Actions of one workload are in order; a later one replaces an earlier one of its
/// kind that is not done yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Call `Platform::scale`. When it fails, say [`crate::Engine::scale_failed`]; success needs no word.
    Scale {
        /// Whose pods.
        workload: WorkloadId,
        /// How many had been asked for before.
        from: u32,
        /// How many are wanted now.
        pods: u32,
        /// The rule that decided, with its numbers.
        why: Reason,
    },
    /// Call `Platform::route`. When it returns, say [`crate::Engine::route_is_true`] or
    /// [`crate::Engine::route_failed`].
    Route {
        /// Whose route.
        workload: WorkloadId,
        /// Whether the activator is to be in the path.
        route: Route,
    },
    /// Tell the workload's reporters, pods and activators alike (`Down::Settings`), when a report is due at once.
    Settings {
        /// Whose reporters.
        workload: WorkloadId,
        /// In flight + waiting at one reporter, above which a report is due at once; `u32::MAX` is never.
        watermark: u32,
    },
    /// Tell the workload's pods (`Down::Leave`) to turn direct clients away: the activator is to be in
    /// the path. Comes again at each tick while there is no evidence that it is. Only with [`crate::Reporters::Linked`].
    Leave {
        /// Whose pods.
        workload: WorkloadId,
    },
    /// Tell whoever follows the workload that it became busy ([`crate::engine::RequestsNow::busy`]), or is no more.
    Busy {
        /// Which one.
        workload: WorkloadId,
        /// Whether it is.
        is_busy: bool,
    },
}
