//! Several triggers as one demand.

use config::keda::{Calculation, Strategy};

use super::Demand;
use super::strategy::deducted_messages;
use crate::triggers::Reading;

/// What one trigger of a ScaledJob says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    /// How many messages wait.
    pub length: f64,
    /// How many Jobs they ask for: the length over the target, no more than may be added.
    pub jobs: f64,
    /// Whether the trigger is active.
    pub active: bool,
}

/// What one trigger says whose metrics are `metrics`, with one target for each (0 where it has none). Its target is
/// their mean; without one it asks for no Jobs. What the strategy deducts in messages is deducted here.
pub fn queue(metrics: &[f64], targets: &[f64], strategy: Strategy, above: u32, active: bool) -> Queue {
    let length = (metrics.iter().sum::<f64>() - f64::from(deducted_messages(strategy))).max(0.0);
    let target = if targets.is_empty() { 0.0 } else { targets.iter().sum::<f64>() / targets.len() as f64 };
    let jobs = if target > 0.0 { (length / target).min(above.into()) } else { 0.0 };
    Queue { length, jobs, active }
}

/// What a trigger with this reading says; one without a value says that nothing waits.
pub fn read(reading: &Reading, target: f64, strategy: Strategy, above: u32) -> Queue {
    match *reading {
        Reading::Value { metric, active } => queue(&[metric], &[target], strategy, above, active),
        Reading::NoData | Reading::Failed(_) => queue(&[], &[], strategy, above, false),
    }
}

/// What all triggers say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Together {
    /// Whether anything may be created.
    pub active: bool,
    /// What waits.
    pub demand: Demand,
}

/// All active `queues` as one demand, for a ScaledJob with at least `min` Jobs, to which `above` may be added. With a
/// least number it is always active.
pub fn together(queues: &[Queue], by: Calculation, min: u32, above: u32) -> Together {
    let active = || queues.iter().filter(|queue| queue.active);
    let count = active().count().max(1) as f64;
    let sum = || active().fold((0.0, 0.0), |(length, jobs), queue| (length + queue.length, jobs + queue.jobs));
    let chosen = match by {
        Calculation::Max => active().filter(|queue| queue.length > 0.0).max_by(|a, b| a.length.total_cmp(&b.length)),
        Calculation::Min => active().min_by(|a, b| a.length.total_cmp(&b.length)),
        Calculation::Avg | Calculation::Sum => None,
    };
    let (length, jobs) = match by {
        Calculation::Max | Calculation::Min => chosen.map_or((0.0, 0.0), |queue| (queue.length, queue.jobs)),
        Calculation::Sum => sum(),
        Calculation::Avg => (sum().0 / count, sum().1 / count),
    };
    let is_active = match by {
        Calculation::Max | Calculation::Min => chosen.is_some(),
        Calculation::Avg | Calculation::Sum => active().next().is_some(),
    };
    let demand = Demand { messages: length.ceil() as u32, jobs: jobs.min(above.into()).ceil() as u32 };
    Together { active: is_active || min > 0, demand }
}

#[cfg(test)]
mod tests {
    use config::keda::Deduction;

    use super::*;

    #[test]
    fn an_average_is_over_the_active_ones() {
        let queue = |length, active| Queue { length, jobs: length / 2.0, active };
        let queues = [queue(10.0, true), queue(3.0, true), queue(100.0, false)];
        let all = together(&queues, Calculation::Avg, 0, 100);
        assert_eq!(all, Together { active: true, demand: Demand { messages: 7, jobs: 4 } });
    }

    #[test]
    fn messages_are_deducted_before_the_target_divides() {
        let strategy = Strategy::Custom { deduction: Deduction::Messages(5), running: 0.5 };
        let queue = queue(&[255.0], &[50.0], strategy, 20, true);
        assert_eq!((queue.length, queue.jobs), (250.0, 5.0));
    }

    #[test]
    fn a_source_that_fails_creates_nothing() {
        let failed = read(&Reading::failed("gone"), 5.0, Strategy::Default, 10);
        let all = together(&[failed], Calculation::Max, 0, 10);
        assert_eq!((all.active, all.demand.jobs), (false, 0));
    }

    #[test]
    fn nothing_active_is_nothing() {
        for by in [Calculation::Max, Calculation::Min, Calculation::Avg, Calculation::Sum] {
            let none = Together { active: false, demand: Demand { messages: 0, jobs: 0 } };
            assert_eq!(together(&[], by, 0, 10), none);
        }
    }
}
