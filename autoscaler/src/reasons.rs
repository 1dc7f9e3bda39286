//! The steps of a decision in numbers, and in words for those who ask.

use std::fmt;

use config::{Metric, Reason};

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
    /// What is left of the burst capacity.
    BurstCapacity { excess: i64, ready: u32, total: f64, panic: f64, pods: u32 },
    /// Raised to min-scale.
    MinScale { pods: u32 },
    /// Raised to initial-scale, which was not reached yet.
    InitialScale { pods: u32 },
    /// Cut to max-scale.
    MaxScale { wanted: u32, pods: u32 },
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
            Step::BurstCapacity { .. } => "burst-capacity",
            Step::MinScale { .. } => "min-scale",
            Step::InitialScale { .. } => "initial-scale",
            Step::MaxScale { .. } => "max-scale",
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
            | Step::BurstCapacity { pods, .. }
            | Step::MinScale { pods }
            | Step::InitialScale { pods }
            | Step::MaxScale { pods, .. }
            | Step::ToZero { pods, .. } => pods,
        }
    }

    /// The step in words.
    pub(crate) fn reason(&self) -> Reason {
        Reason { rule: self.rule(), pods: self.pods(), because: self.to_string() }
    }
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.metric {
            Metric::Concurrency => "in flight",
            Metric::Rps => "requests a second",
        };
        let Average { value, seconds, target, .. } = self;
        write!(f, "{value} {unit} over {seconds} s / {target} a pod = {}", Pods(self.pods))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::StableWindow(average) | Step::PanicWindow(average) => average.fmt(f),
            Step::ScaleUpRate { rate, ready, pods } => {
                write!(f, "at most {rate} × {} = {}", ReadyPods(*ready), Pods(*pods))
            }
            Step::ScaleDownRate { rate, ready, pods } => {
                write!(f, "at least {} / {rate} = {}", ReadyPods(*ready), Pods(*pods))
            }
            Step::ActivationScale { pods } => write!(f, "there is load, and any load gets {}", Pods(*pods)),
            Step::Panic { wanted, ready, threshold, seconds, pods } => write!(
                f,
                "{} wanted, {}; panic starts at {threshold} × and lasts {seconds} s: {} held",
                Pods(*wanted),
                ReadyPods(*ready),
                Pods(*pods)
            ),
            Step::PanicLeft { pods } => write!(f, "panic is over: {}", Pods(*pods)),
            Step::ScaleDownDelay { seconds, pods } => write!(f, "most of the last {seconds} s = {}", Pods(*pods)),
            Step::BurstCapacity { excess, ready, total, panic, .. } => {
                write!(f, "{} × {total} − {panic} in the panic window: {excess} beyond the target", ReadyPods(*ready))
            }
            Step::MinScale { pods } => write!(f, "at least {}", Pods(*pods)),
            Step::InitialScale { pods } => write!(f, "{} first, before anything else", Pods(*pods)),
            Step::MaxScale { wanted, pods } => write!(f, "{} wanted, at most {}", Pods(*wanted), Pods(*pods)),
            Step::ToZero { because, .. } => f.write_str(because),
        }
    }
}

/// A number of pods: `1 pod`, `2 pods`.
struct Pods(u32);

impl fmt::Display for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pod{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A number of ready pods: `2 ready`.
struct ReadyPods(u32);

impl fmt::Display for ReadyPods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ready", self.0)
    }
}

/// The steps of one decision, in order, without a heap.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Trail {
    steps: [Option<Step>; Trail::LONGEST],
    len: usize,
}

impl Trail {
    /// Window, rate, activation, panic, delay, burst capacity, bound, way to zero.
    const LONGEST: usize = 8;

    /// No step yet.
    pub(crate) const EMPTY: Trail = Trail { steps: [None; Trail::LONGEST], len: 0 };

    /// Adds a step.
    pub(crate) fn push(&mut self, step: Step) {
        if let Some(place) = self.steps.get_mut(self.len) {
            *place = Some(step);
            self.len += 1;
        }
        debug_assert!(self.steps[self.len - 1] == Some(step), "a decision has at most {} steps", Trail::LONGEST);
    }

    /// The steps, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.steps.iter().flatten()
    }

    /// The step that made the number what it is: the last that changed it.
    pub(crate) fn deciding(&self) -> Option<&Step> {
        let mut deciding = None;
        for step in self.iter() {
            if deciding.is_none_or(|before: &Step| before.pods() != step.pods()) {
                deciding = Some(step);
            }
        }
        deciding
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deciding_step_is_the_last_that_changed_the_number() {
        let mut trail = Trail::EMPTY;
        trail.push(Step::ActivationScale { pods: 2 });
        trail.push(Step::MaxScale { wanted: 2, pods: 1 });
        trail.push(Step::PanicLeft { pods: 1 });
        assert_eq!(trail.deciding().map(Step::rule), Some("max-scale"));
    }

    #[test]
    fn a_reason_says_its_numbers() {
        let step =
            Step::StableWindow(Average { metric: Metric::Concurrency, value: 14.2, seconds: 60, target: 7.0, pods: 3 });
        assert_eq!(step.reason().to_string(), "stable-window: 14.2 in flight over 60 s / 7 a pod = 3 pods");
    }
}
