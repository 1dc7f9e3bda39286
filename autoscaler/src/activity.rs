//! Whether a workload serves: Knative's Active condition (`pkg/reconciler/autoscaling/kpa`).

use config::Policy;

/// Whether a workload serves. In brackets Knative's status and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It is to serve, but too few pods are ready (`Unknown`, `Queued`).
    Activating,
    /// Enough pods are ready (`True`).
    Active,
    /// Nothing is wanted of it (`False`, `NoTraffic`).
    Inactive,
    /// It was given up while activating (`False`, `TimedOut`).
    TimedOut,
}

impl Activity {
    /// Whether nothing is wanted of it, for whatever reason.
    pub fn is_inactive(self) -> bool {
        matches!(self, Activity::Inactive | Activity::TimedOut)
    }

    /// Whether to change to `next` is to change Knative's status, and so to start its time anew.
    pub fn changes_to(self, next: Activity) -> bool {
        self != next && !(self.is_inactive() && next.is_inactive())
    }
}

/// How many ready pods make a workload active: at first its initial-scale.
fn enough(policy: &Policy, initialized: bool) -> u32 {
    if initialized { policy.min_scale.max(1) } else { policy.min_scale.max(policy.initial_scale) }
}

/// Whether the initial-scale is reached, which is asked for once in a workload's life.
pub fn is_initialized(policy: &Policy, ready: u32, initialized: bool) -> bool {
    initialized || ready >= enough(policy, false)
}

/// The activity that follows `current` when `wanted` pods are wanted (none: unknown) and `ready` are ready.
pub fn next_activity(
    policy: &Policy,
    wanted: Option<u32>,
    ready: u32,
    current: Activity,
    initialized: bool,
) -> Activity {
    let enough = enough(policy, initialized);
    if wanted == Some(0) || enough == 0 {
        return match current {
            Activity::Activating if enough > 0 => Activity::TimedOut,
            _ => Activity::Inactive,
        };
    }
    // A number that is not known wakes nothing.
    if wanted.is_none() && current.is_inactive() {
        return current;
    }
    if ready < enough { Activity::Activating } else { Activity::Active }
}
