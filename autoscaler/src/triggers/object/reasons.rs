//! Why an object has its number of pods, in words.

use std::fmt;

use config::Reason;

use crate::triggers::hpa::{Settings, Step, Target};
use crate::triggers::phase::{Hold, Phase};

/// The name of every rule that a reason of a [`Verdict`](super::Verdict) may have. The names never change.
pub const RULES: &[&str] = &[
    "trigger",
    "formula",
    "fallback",
    "source-failed",
    "no-data",
    "no-data-holds",
    "pushed",
    "activation",
    "cooldown",
    "backlog",
    "idle",
    "min-replicas",
    "max-replicas",
    "stabilization",
    "behavior",
    "paused",
    "largest",
    "step-period",
    "inactive",
];

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why<'a> {
    Trigger { name: &'a str, value: f64, target: Target },
    Formula { value: f64, target: Target },
    Fallback { replicas: u32 },
    Failed { trigger: &'a str, what: &'a str },
    NoData { trigger: &'a str },
    Missing,
    Pushed,
    Woken,
    Cooling { seconds: u64 },
    Backlog,
    Slept,
    Min,
    Max { wanted: u32 },
    Stabilized { proposed: u32 },
    Behavior { wanted: u32 },
    Paused,
    Largest,
    NotYet { seconds: u64 },
    Inactive,
}

impl Why<'_> {
    fn rule(&self) -> &'static str {
        match self {
            Why::Trigger { .. } => "trigger",
            Why::Formula { .. } => "formula",
            Why::Fallback { .. } => "fallback",
            Why::Failed { .. } => "source-failed",
            Why::NoData { .. } => "no-data",
            Why::Missing => "no-data-holds",
            Why::Pushed => "pushed",
            Why::Woken => "activation",
            Why::Cooling { .. } => "cooldown",
            Why::Backlog => "backlog",
            Why::Slept => "idle",
            Why::Min => "min-replicas",
            Why::Max { .. } => "max-replicas",
            Why::Stabilized { .. } => "stabilization",
            Why::Behavior { .. } => "behavior",
            Why::Paused => "paused",
            Why::Largest => "largest",
            Why::NotYet { .. } => "step-period",
            Why::Inactive => "inactive",
        }
    }
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Trigger { name, value, target } => write!(f, "{name}: {value} / {}", Of(*target)),
            Why::Formula { value, target } => write!(f, "{value} / {}", Of(*target)),
            Why::Fallback { replicas } => write!(f, "its source has failed for too long: {replicas} stand in"),
            Why::Failed { trigger, what } => write!(f, "{trigger}: {what}"),
            Why::NoData { trigger } => write!(f, "{trigger}: an answer without a number, which changes nothing"),
            Why::Missing => f.write_str("not all triggers are known, and what is missing may ask for more"),
            Why::Pushed => f.write_str("a source pushed that there is something to do"),
            Why::Woken => f.write_str("a trigger is active"),
            Why::Cooling { seconds } => write!(f, "no trigger is active; the cooldown runs for {seconds} s more"),
            Why::Backlog => f.write_str("no trigger is active, but not all is done (rouse.dev/drain-backlog)"),
            Why::Slept => f.write_str("no trigger is active, and the cooldown is over"),
            Why::Min => f.write_str("no fewer"),
            Why::Max { wanted } => write!(f, "{wanted} wanted, no more"),
            Why::Stabilized { proposed } => write!(f, "{proposed} wanted; what was recommended of late counts"),
            Why::Behavior { wanted } => write!(f, "{wanted} wanted, which is more at once than is allowed"),
            Why::Paused => f.write_str("autoscaling.keda.sh/paused…: an annotation forbids to change it"),
            Why::Largest => f.write_str("the largest of all triggers"),
            Why::NotYet { seconds } => write!(f, "the next step is {seconds} s away"),
            Why::Inactive => f.write_str("no trigger is active"),
        }
    }
}

struct Of(Target);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Average(target) => write!(f, "{} a pod", target.value()),
            Target::Value(target) => write!(f, "{} in all", target.value()),
        }
    }
}

/// The steps of one round.
#[derive(Debug, Default)]
pub(super) struct Trail(Vec<Reason>);

impl Trail {
    /// A step after which `pods` are wanted.
    pub(super) fn push(&mut self, pods: u32, why: Why<'_>) {
        self.0.push(Reason { rule: why.rule(), pods, because: why.to_string() });
    }

    /// What the phase has to say.
    pub(super) fn phase(&mut self, phase: Phase, pods: u32) {
        match phase {
            Phase::Wake(_) => self.push(pods, Why::Woken),
            Phase::Cooling(rest) => self.push(pods, Why::Cooling { seconds: rest.as_secs() }),
            Phase::Sleep(floor) => {
                self.push(floor, Why::Slept);
                if pods > floor {
                    self.push(pods, Why::Behavior { wanted: floor });
                }
            }
            Phase::Raise(_) => self.push(pods, Why::Min),
            Phase::Held(Hold::Backlog) => self.push(pods, Why::Backlog),
            Phase::Held(Hold::PausedIn | Hold::PausedOut) => self.push(pods, Why::Paused),
            Phase::Held(Hold::NoData | Hold::Failing)
                if self.0.last().is_some_and(|last| last.rule != Why::Missing.rule()) =>
            {
                self.push(pods, Why::Missing);
            }
            Phase::Asleep => self.push(pods, Why::Inactive),
            Phase::Awake | Phase::Held(_) => {}
        }
    }

    /// What became of what was `proposed`.
    pub(super) fn step(&mut self, proposed: u32, step: Step, settings: &Settings<'_>) {
        let Step { stabilized, pods } = step;
        if stabilized != proposed {
            self.push(stabilized, Why::Stabilized { proposed });
        }
        match pods {
            pods if pods == stabilized => {}
            pods if pods == settings.max => self.push(pods, Why::Max { wanted: stabilized }),
            pods if pods == settings.min => self.push(pods, Why::Min),
            pods => self.push(pods, Why::Behavior { wanted: stabilized }),
        }
    }

    pub(super) fn reasons(self) -> Vec<Reason> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::Milli;

    #[test]
    fn the_list_of_rules_is_complete_and_has_no_other() {
        let target = Target::Average(Milli::target(5.0));
        let one_of_each = [
            Why::Trigger { name: "orders", value: 12.0, target },
            Why::Formula { value: 12.0, target },
            Why::Fallback { replicas: 1 },
            Why::Failed { trigger: "orders", what: "" },
            Why::NoData { trigger: "orders" },
            Why::Missing,
            Why::Pushed,
            Why::Woken,
            Why::Cooling { seconds: 1 },
            Why::Backlog,
            Why::Slept,
            Why::Min,
            Why::Max { wanted: 1 },
            Why::Stabilized { proposed: 1 },
            Why::Behavior { wanted: 1 },
            Why::Paused,
            Why::Largest,
            Why::NotYet { seconds: 1 },
            Why::Inactive,
        ];
        assert_eq!(one_of_each.map(|why| why.rule()), RULES);
        assert_eq!(one_of_each[0].to_string(), "orders: 12 / 5 a pod");
    }
}
