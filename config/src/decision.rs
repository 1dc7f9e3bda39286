//! What the autoscaler wants of a workload, and why.

use std::fmt;

use serde::Serialize;

/// Whether the activator is in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Requests pass the activator.
    Activator,
    /// Clients reach pods directly.
    Pods,
}

/// The outcome of one pure decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// How many pods there should be.
    pub desired: u32,
    /// Whether the activator must be in the path.
    pub route: Route,
    /// Excess burst capacity: what is left of the burst capacity now, in the metric's unit. Negative puts the
    /// activator in the path.
    pub excess_burst: i64,
    /// The stable window's average.
    pub stable: f64,
    /// The panic window's average.
    pub panic: f64,
    /// Pods ready when it was decided.
    pub ready: u32,
    /// Whether the workload is in panic.
    pub panicking: bool,
    /// The steps that shaped it, in order.
    pub reasons: Vec<Reason>,
}

/// One step of a decision that had a say: the rule's name and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The rule, a kebab-case word that never changes: `stable-window`, `activation-scale`, `max-scale`, …
    pub rule: &'static str,
    /// The number of pods wanted after it.
    pub pods: u32,
    /// Its numbers, for people: `14.2 in flight over 60 s / 7 a pod = 3 pods`.
    pub because: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.because)
    }
}
