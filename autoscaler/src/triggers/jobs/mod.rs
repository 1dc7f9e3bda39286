//! ScaledJob: how many Jobs to create for what waits, and which of those that ended to delete.
//!
//! Triggers say how long queues are ([`read`], [`queue`]), several are put together ([`together`]), a strategy
//! subtracts what is being worked on already ([`Strategy`]), and [`to_create`] is what comes of it. Jobs are counted
//! from what is seen of them and from what was created and not seen yet ([`Observed`]). All of it is KEDA's to the
//! number (`pkg/scaling/executor/scale_jobs.go`).

mod aggregate;
mod history;
mod observed;
mod strategy;

use config::keda::{ScaledJob, Strategy};

pub use self::aggregate::{Queue, Together, queue, read, together};
pub use self::history::{Ended, surplus};
pub use self::observed::{Counts, Job, JobState, Observed};

/// How many Jobs there may be beside the least number, which there always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many Jobs there are at least.
    pub min: u32,
    /// How many may be added to those.
    pub above: u32,
}

impl Limits {
    /// Those of an object.
    pub fn of(object: &ScaledJob) -> Limits {
        Limits { min: object.min, above: object.on_demand }
    }
}

/// What a strategy starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Messages that wait, rounded up: no more Jobs than that.
    pub messages: u32,
    /// Jobs that they ask for by the target, rounded up and capped.
    pub jobs: u32,
}

/// How many Jobs may be created, and how many there is work for. Less than nothing is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many Jobs the strategy leaves room for.
    pub jobs: i64,
    /// How many there is something to do for.
    pub work: u32,
}

impl Room {
    /// How many Jobs to create.
    pub fn to_create(self) -> u32 {
        u32::try_from(self.jobs.clamp(0, i64::from(self.work))).unwrap_or(0)
    }
}

/// What there is room for. While fewer Jobs run than the least number, only those are created, and what waits is looked
/// at in the next round.
pub fn room(strategy: Strategy, limits: Limits, demand: Demand, counts: Counts) -> Room {
    if counts.running < limits.min {
        let missing = limits.min - counts.running;
        return Room { jobs: missing.into(), work: missing };
    }
    let counts = Counts { running: counts.running - limits.min, ..counts };
    strategy::room(strategy, demand, counts, limits.above)
}

/// How many Jobs to create this round. When no trigger is active none are, whatever waits; `active` is
/// [`Together::active`].
pub fn to_create(strategy: Strategy, limits: Limits, together: Together, counts: Counts) -> u32 {
    if together.active { room(strategy, limits, together.demand, counts).to_create() } else { 0 }
}

#[cfg(test)]
mod tests {
    use config::keda::Deduction;
    use proptest::prelude::*;

    use super::{Strategy, *};

    fn strategies() -> impl proptest::strategy::Strategy<Value = Strategy> {
        prop_oneof![
            Just(Strategy::Default),
            Just(Strategy::Accurate),
            Just(Strategy::Eager),
            proptest::strategy::Strategy::prop_map((-5i32..5, 0.0f64..1.0), |(jobs, running)| Strategy::Custom {
                deduction: Deduction::Jobs(jobs),
                running,
            }),
        ]
    }

    proptest! {
        /// No strategy creates more than may be beside those that run, where it counts those; none creates more than
        /// there is work for.
        #[test]
        fn no_strategy_exceeds_its_limits(
            strategy in strategies(), min in 0u32..5, above in 0u32..50, messages in 0u32..500, jobs in 0u32..50,
            running in 0u32..60, pending in 0u32..60,
        ) {
            let (limits, counts) = (Limits { min, above }, Counts { running, pending });
            let demand = Demand { messages, jobs: jobs.min(above) };
            let created = to_create(strategy, limits, Together { active: true, demand }, counts);
            prop_assert!(created <= above.max(min));
            if running >= min && strategy != Strategy::Eager {
                prop_assert!(created <= messages);
            }
            if running >= min && !matches!(strategy, Strategy::Custom { .. } | Strategy::Accurate) {
                prop_assert!(created == 0 || running + created <= min + above);
            }
        }
    }
}
