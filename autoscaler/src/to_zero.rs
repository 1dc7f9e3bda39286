//! The way to zero: which state a workload of which nothing is wanted is in, and what follows.
//!
//! ```text
//! Awake ─ no load ─┬─ pods not ready ────► Starting ─ too long ─────────────────────┐
//!   ▲              ├─ not yet active for                                            ▼
//!   │              │  a stable window ───► Lingering (one pod)             ┌─────► Open ─► Zero
//!   │              │                           ▼                           │
//!   │              └─ else ──────────────► TurningAway ─► Unproven ─► Grace ┘
//!   └─ load, from any state
//! ```
//!
//! - `TurningAway`: the workload becomes inactive, and with that the activator goes into the path;
//! - `Unproven`: until there is evidence that this is true everywhere;
//! - `Grace`: until grace and retention are over;
//! - `Open`: until no request is open.
//!
//! Knative's `handleScaleToZero` to the number, and [`ToZero::Open`], which Knative lacks: what is open is never cut.
//! The state follows from what is seen each time it is asked for; there is nothing to get out of step.

use std::time::Duration;

use config::{BurstCapacity, Policy};

use crate::activity::Activity;
use crate::decide::Reachability;
use crate::reasons::Step;

/// How much longer than the progress deadline a workload may be activating: the platform's own judgement comes first.
const ACTIVATION_BUFFER: Duration = Duration::from_secs(30);

/// When to look again after a workload whose requests already pass the activator became inactive.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// What is seen of a workload when its scale is settled.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Whether it serves.
    pub activity: Activity,
    /// For how long that has been so.
    pub activity_for: Duration,
    /// Whether its initial-scale was ever reached.
    pub initialized: bool,
    /// Whether requests can come at all.
    pub reachability: Reachability,
    /// Whether the activator is asked to be in the path.
    pub in_path: bool,
    /// For how long it has been in the path everywhere, for certain.
    pub in_path_for: Duration,
    /// Requests open anywhere.
    pub open: u64,
}

/// The name of every state on the way to zero: [`ToZero::name`]. The names never change.
pub const STATES: &[&str] = &[
    "awake",
    "paused",
    "scale-to-zero-disabled",
    "starting",
    "lingering",
    "turning-away",
    "unproven",
    "grace",
    "open",
    "zero",
    "nothing-asked",
];

/// Where a workload is on its way to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToZero {
    /// Pods are wanted.
    Awake,
    /// Scaling is paused: what is there stays.
    Paused,
    /// Nothing is wanted, but scaling to zero is off: one pod stays.
    Disabled,
    /// Pods are starting that nobody waits for any more: they may still become ready.
    Starting {
        /// How long they may take.
        limit: Duration,
        /// What is left of it.
        rest: Duration,
    },
    /// It has not been active for a stable window yet: one pod stays. (Knative ignores activation-scale here.)
    Lingering {
        /// What is left of it.
        rest: Duration,
    },
    /// It has been active long enough: it becomes inactive, and the activator goes into the path.
    TurningAway {
        /// Whether the activator is there already.
        in_path: bool,
    },
    /// The activator was asked into the path, but there is no evidence yet that it is there for everyone.
    Unproven,
    /// Grace or retention still runs.
    Grace {
        /// What is left of the longer one.
        rest: Duration,
    },
    /// All has passed, but a request is open.
    Open,
    /// There are to be no pods.
    Zero,
    /// Only triggers ask for pods, and they ask for none.
    NothingAsked,
}

impl ToZero {
    /// How many pods are wanted; none is unknown.
    pub fn pods(self) -> Option<u32> {
        match self {
            ToZero::Awake | ToZero::Paused | ToZero::Starting { .. } => None,
            ToZero::Disabled | ToZero::Lingering { .. } => Some(1),
            ToZero::TurningAway { .. }
            | ToZero::Unproven
            | ToZero::Grace { .. }
            | ToZero::Open
            | ToZero::Zero
            | ToZero::NothingAsked => Some(0),
        }
    }

    /// Whether the platform is to be asked for [`ToZero::pods`] now.
    pub fn is_applied(self) -> bool {
        matches!(self, ToZero::Disabled | ToZero::Lingering { .. } | ToZero::Zero | ToZero::NothingAsked)
    }

    /// When to look again if nothing happens.
    pub fn again(self) -> Option<Duration> {
        match self {
            // Knative waits for the whole limit again, however much of it is over.
            ToZero::Starting { limit, .. } => Some(limit),
            ToZero::TurningAway { in_path: true } => Some(LOOK_AGAIN),
            ToZero::Lingering { rest } | ToZero::Grace { rest } => Some(rest),
            _ => None,
        }
    }

    /// What is left until it can change by itself.
    pub fn rest(self) -> Option<Duration> {
        match self {
            ToZero::Starting { rest, .. } | ToZero::Lingering { rest } | ToZero::Grace { rest } => Some(rest),
            _ => None,
        }
    }

    /// The state's name: a kebab-case word that never changes.
    pub fn name(self) -> &'static str {
        match self {
            ToZero::Awake => "awake",
            ToZero::Paused => "paused",
            ToZero::Disabled => "scale-to-zero-disabled",
            ToZero::Starting { .. } => "starting",
            ToZero::Lingering { .. } => "lingering",
            ToZero::TurningAway { .. } => "turning-away",
            ToZero::Unproven => "unproven",
            ToZero::Grace { .. } => "grace",
            ToZero::Open => "open",
            ToZero::Zero => "zero",
            ToZero::NothingAsked => "nothing-asked",
        }
    }

    /// What it waits for, for people.
    pub fn because(self) -> &'static str {
        match self {
            ToZero::Awake => "pods are wanted",
            ToZero::Paused => "rouse.dev/paused: nothing is scaled, and the activator stays in the path",
            ToZero::Disabled => "no load, but enable-scale-to-zero is off: one pod stays",
            ToZero::Starting { .. } => "no load, but the pods that are starting may still become ready",
            ToZero::Lingering { .. } => "no load, but not yet active for a stable window: one pod stays",
            ToZero::TurningAway { .. } => "no load for a stable window: the activator goes into the path",
            ToZero::Unproven => "waiting for evidence that the activator is in the path everywhere",
            ToZero::Grace { .. } => "waiting for the grace or retention period to end",
            ToZero::Open => "all periods have passed, but a request is open",
            ToZero::Zero => "no load, the activator is in the path, and nothing is open",
            ToZero::NothingAsked => "only triggers ask for its pods, and they ask for none",
        }
    }

    /// The state as a step of a decision that leaves `pods`.
    pub(crate) fn step(self, pods: u32) -> Option<Step> {
        let step = Step::ToZero { rule: self.name(), because: self.because(), pods };
        (self != ToZero::Awake).then_some(step)
    }
}

/// Where a workload of which nothing is wanted is on its way to zero. `activator_answers` is asked only when it
/// matters: is it true everywhere that the activator is in the path?
pub fn to_zero(policy: &Policy, seen: &Seen, activator_answers: impl FnOnce() -> bool) -> ToZero {
    if !policy.scale_to_zero {
        return ToZero::Disabled;
    }
    match seen.activity {
        Activity::Activating => {
            let limit = policy.progress_deadline + ACTIVATION_BUFFER;
            if seen.activity_for > limit {
                zero_unless_open(seen)
            } else {
                ToZero::Starting { limit, rest: limit - seen.activity_for }
            }
        }
        Activity::Active if seen.activity_for >= policy.stable_window => ToZero::TurningAway { in_path: seen.in_path },
        Activity::Active => ToZero::Lingering { rest: policy.stable_window - seen.activity_for },
        Activity::Inactive | Activity::TimedOut => {
            // With an unlimited burst capacity the activator never leaves the path: nothing to prove.
            if policy.burst_capacity != BurstCapacity::Unlimited && !activator_answers() {
                return ToZero::Unproven;
            }
            match grace_left(policy, seen) {
                Some(rest) => ToZero::Grace { rest },
                None => zero_unless_open(seen),
            }
        }
    }
}

/// What is left of grace and retention. The grace is over as well once the activator has been in the path for it,
/// which may be since long before the workload became inactive; the retention is not.
fn grace_left(policy: &Policy, seen: &Seen) -> Option<Duration> {
    let retention = match seen.reachability {
        Reachability::Reachable => policy.retention,
        Reachability::Unreachable => Duration::ZERO,
    };
    if seen.activity_for >= policy.grace_period.max(retention) {
        return None;
    }
    if seen.activity_for < retention {
        return Some(retention - seen.activity_for);
    }
    if seen.in_path_for >= policy.grace_period {
        return None;
    }
    Some(policy.grace_period - seen.in_path_for)
}

fn zero_unless_open(seen: &Seen) -> ToZero {
    if seen.open > 0 { ToZero::Open } else { ToZero::Zero }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_states_is_complete_and_has_no_other() {
        let (limit, rest) = (Duration::ZERO, Duration::ZERO);
        let mut state = ToZero::Awake;
        let mut names = vec![state.name()];
        loop {
            // The match has no rest, so that a new state does not compile before it is here.
            state = match state {
                ToZero::Awake => ToZero::Paused,
                ToZero::Paused => ToZero::Disabled,
                ToZero::Disabled => ToZero::Starting { limit, rest },
                ToZero::Starting { .. } => ToZero::Lingering { rest },
                ToZero::Lingering { .. } => ToZero::TurningAway { in_path: false },
                ToZero::TurningAway { .. } => ToZero::Unproven,
                ToZero::Unproven => ToZero::Grace { rest },
                ToZero::Grace { .. } => ToZero::Open,
                ToZero::Open => ToZero::Zero,
                ToZero::Zero => ToZero::NothingAsked,
                ToZero::NothingAsked => break,
            };
            names.push(state.name());
        }
        assert_eq!(names, STATES);
    }
}
