//! The steps of a decision in numbers, and in words for those who ask.

mod trail;
mod words;

use config::{Metric, Reason};

pub(crate) use self::trail::Trail;

/// The name of every rule that a [`config::Reason`] may have, but for the states on the way to zero, which
/// [`crate::to_zero::STATES`] has. The names never change.
pub const RULES: &[&str] = &[
    "stable-window",
    "panic-window",
    "max-scale-up-rate",
    "max-scale-down-rate",
    "activation-scale",
    "panic",
    "panic-left",
    "scale-down-delay",
    "burst-capacity",
    "min-scale",
    "initial-scale",
    "max-scale",
    "burst-step",
    "descent-floor",
    "panic-decay",
    "starting-counts",
    "no-data-holds",
    "fresh-start",
    "route-hysteresis",
    "activation-floor",
    "foreign-scale",
    "triggers",
];

/// One step of a decision that had a say. Numbers only: a tick formats and allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// What the stable window asks for.
    StableWindow(Average),
    /// What the panic window asks for.
    PanicWindow(Average),
    /// No more than max-scale-up-rate times the ready pods.
    ScaleUpRate { rate: f64, ready: u32, pods: u32 },
    /// No less than the ready pods by max-scale-down-rate.
    ScaleDownRate { rate: f64, ready: u32, pods: u32 },
    /// Any load asks for activation-scale.
    ActivationScale { pods: u32 },
    /// In panic the number never falls.
    Panic { wanted: u32, ready: u32, threshold: f64, seconds: u32, pods: u32 },
    /// Panic ended at this decision.
    PanicLeft { pods: u32 },
    /// The largest of the last while.
    ScaleDownDelay { seconds: u32, pods: u32 },
    /// More is in flight at one moment than all pods can carry.
    Burst { in_flight: f64, target: f64, pods: u32 },
    /// After a panic no less than the panic window needs.
    DescentFloor { seconds: u32, pods: u32 },
    /// The panic maximum falls.
    PanicDecay { seconds: u32, pods: u32 },
    /// Requests wait for pods on their way, and ask for no others.
    StartingCounts { waiting: u64, coming: u32, pods: u32 },
    /// Without data nothing is lowered.
    NoDataHolds { reporters: u32, pods: u32 },
    /// Nothing found is lowered before it was watched for long enough.
    FreshStart { seconds: u32, pods: u32 },
    /// The activator stays for a while.
    RouteHysteresis { seconds: u32, pods: u32 },
    /// Raised to activation-scale, which is a floor here.
    ActivationFloor { pods: u32 },
    /// What is left of the burst capacity by the panic window, or by what is in flight at once.
    BurstCapacity { excess: i64, ready: u32, total: f64, load: f64, at_once: bool, pods: u32 },
    /// Raised to min-scale.
    MinScale { pods: u32 },
    /// Raised to initial-scale, which was not reached yet.
    InitialScale { pods: u32 },
    /// Cut to max-scale.
    MaxScale { wanted: u32, pods: u32 },
    /// Somebody else asked for that many, which is kept.
    ForeignScale { seconds: u32, pods: u32 },
    /// Raised to what triggers ask for.
    Triggers { pods: u32 },
    /// The way to zero had a say.
    ToZero { rule: &'static str, because: &'static str, pods: u32 },
}

/// One window's average and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Average {
    /// What is averaged.
    pub(crate) metric: Metric,
    /// The average, in the metric's unit.
    pub(crate) value: f64,
    /// The window's length.
    pub(crate) seconds: u32,
    /// What one pod is aimed to carry.
    pub(crate) target: f64,
    /// The quotient, rounded up.
    pub(crate) pods: u32,
}

impl Step {
    /// The rule's name: a kebab-case word that never changes.
    pub(crate) fn rule(&self) -> &'static str {
        match self {
            Step::StableWindow(_) => "stable-window",
            Step::PanicWindow(_) => "panic-window",
            Step::ScaleUpRate { .. } => "max-scale-up-rate",
            Step::ScaleDownRate { .. } => "max-scale-down-rate",
            Step::ActivationScale { .. } => "activation-scale",
            Step::Panic { .. } => "panic",
            Step::PanicLeft { .. } => "panic-left",
            Step::ScaleDownDelay { .. } => "scale-down-delay",
            Step::Burst { .. } => "burst-step",
            Step::DescentFloor { .. } => "descent-floor",
            Step::PanicDecay { .. } => "panic-decay",
            Step::StartingCounts { .. } => "starting-counts",
            Step::NoDataHolds { .. } => "no-data-holds",
            Step::FreshStart { .. } => "fresh-start",
            Step::RouteHysteresis { .. } => "route-hysteresis",
            Step::ActivationFloor { .. } => "activation-floor",
            Step::BurstCapacity { .. } => "burst-capacity",
            Step::MinScale { .. } => "min-scale",
            Step::InitialScale { .. } => "initial-scale",
            Step::MaxScale { .. } => "max-scale",
            Step::ForeignScale { .. } => "foreign-scale",
            Step::Triggers { .. } => "triggers",
            Step::ToZero { rule, .. } => rule,
        }
    }

    /// How many pods are wanted after it.
    pub(crate) fn pods(&self) -> u32 {
        match *self {
            Step::StableWindow(average) | Step::PanicWindow(average) => average.pods,
            Step::ScaleUpRate { pods, .. }
            | Step::ScaleDownRate { pods, .. }
            | Step::ActivationScale { pods }
            | Step::Panic { pods, .. }
            | Step::PanicLeft { pods }
            | Step::ScaleDownDelay { pods, .. }
            | Step::Burst { pods, .. }
            | Step::DescentFloor { pods, .. }
            | Step::PanicDecay { pods, .. }
            | Step::StartingCounts { pods, .. }
            | Step::NoDataHolds { pods, .. }
            | Step::FreshStart { pods, .. }
            | Step::RouteHysteresis { pods, .. }
            | Step::ActivationFloor { pods }
            | Step::BurstCapacity { pods, .. }
            | Step::MinScale { pods }
            | Step::InitialScale { pods }
            | Step::MaxScale { pods, .. }
            | Step::ForeignScale { pods, .. }
            | Step::Triggers { pods }
            | Step::ToZero { pods, .. } => pods,
        }
    }

    /// The step in words.
    pub(crate) fn reason(&self) -> Reason {
        Reason { rule: self.rule(), pods: self.pods(), because: self.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each step. The match has no rest, so that a new step does not compile before it is here.
    fn one_of_each() -> Vec<Step> {
        let average = Average { metric: Metric::Concurrency, value: 1.0, seconds: 1, target: 1.0, pods: 1 };
        let mut all = vec![Step::StableWindow(average)];
        loop {
            let next = match all[all.len() - 1] {
                Step::StableWindow(average) => Step::PanicWindow(average),
                Step::PanicWindow(_) => Step::ScaleUpRate { rate: 1.0, ready: 1, pods: 1 },
                Step::ScaleUpRate { .. } => Step::ScaleDownRate { rate: 1.0, ready: 1, pods: 1 },
                Step::ScaleDownRate { .. } => Step::ActivationScale { pods: 1 },
                Step::ActivationScale { .. } => {
                    Step::Panic { wanted: 1, ready: 1, threshold: 1.0, seconds: 1, pods: 1 }
                }
                Step::Panic { .. } => Step::PanicLeft { pods: 1 },
                Step::PanicLeft { .. } => Step::ScaleDownDelay { seconds: 1, pods: 1 },
                Step::ScaleDownDelay { .. } => {
                    Step::BurstCapacity { excess: 1, ready: 1, total: 1.0, load: 1.0, at_once: false, pods: 1 }
                }
                Step::BurstCapacity { .. } => Step::MinScale { pods: 1 },
                Step::MinScale { .. } => Step::InitialScale { pods: 1 },
                Step::InitialScale { .. } => Step::MaxScale { wanted: 1, pods: 1 },
                Step::MaxScale { .. } => Step::Burst { in_flight: 1.0, target: 1.0, pods: 1 },
                Step::Burst { .. } => Step::DescentFloor { seconds: 1, pods: 1 },
                Step::DescentFloor { .. } => Step::PanicDecay { seconds: 1, pods: 1 },
                Step::PanicDecay { .. } => Step::StartingCounts { waiting: 1, coming: 1, pods: 1 },
                Step::StartingCounts { .. } => Step::NoDataHolds { reporters: 1, pods: 1 },
                Step::NoDataHolds { .. } => Step::FreshStart { seconds: 1, pods: 1 },
                Step::FreshStart { .. } => Step::RouteHysteresis { seconds: 1, pods: 1 },
                Step::RouteHysteresis { .. } => Step::ActivationFloor { pods: 1 },
                Step::ActivationFloor { .. } => Step::ForeignScale { seconds: 1, pods: 1 },
                Step::ForeignScale { .. } => Step::Triggers { pods: 1 },
                Step::Triggers { .. } => Step::ToZero { rule: "zero", because: "", pods: 0 },
                Step::ToZero { .. } => return all,
            };
            all.push(next);
        }
    }

    #[test]
    fn the_list_of_rules_is_complete_and_has_no_other() {
        let mut rules: Vec<_> = one_of_each().iter().map(Step::rule).filter(|rule| *rule != "zero").collect();
        let mut listed = RULES.to_vec();
        rules.sort_unstable();
        listed.sort_unstable();
        assert_eq!(rules, listed);
        for departure in config::Departure::ALL {
            assert!(RULES.contains(&departure.name()), "{departure:?} leaves a reason of its name");
        }
    }
}
