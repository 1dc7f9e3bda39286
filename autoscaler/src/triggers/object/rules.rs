//! What a ScaledObject declares, as the arithmetic takes it.

use std::time::Duration;

use config::defaults::triggers as defaults;
use config::keda::{Behavior, Fallback, MetricType, Replicas, ScaledObject, ToZero};

use crate::triggers::Milli;
use crate::triggers::hpa::{Target, Tolerance};
use crate::triggers::modifiers::{Formula, FormulaError};
use crate::triggers::phase::Waits;

/// The rules of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Its bounds.
    pub replicas: Replicas,
    /// `pollingInterval`.
    pub polling: Duration,
    /// `cooldownPeriod`, `initialCooldownPeriod`.
    pub waits: Waits,
    /// `behavior`.
    pub behavior: Option<Behavior>,
    /// What the process says about steps.
    pub steps: Steps,
    /// `fallback`.
    pub fallback: Option<Fallback>,
    /// Its triggers, in order.
    pub triggers: Vec<Trigger>,
    /// `scalingModifiers`: their formula stands for all triggers.
    pub composite: Option<Composite>,
}

/// How steps between one pod and many, and to none, are taken: settings of Kubernetes' controller, and our own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// How often there may be one (15 s).
    pub period: Duration,
    /// Without `behavior`: for how long the largest recommendation counts on the way down (300 s).
    pub down_window: Duration,
    /// Without `behavior`: how far off its target, as a part of it, a metric may be (0.1).
    pub tolerance: f64,
    /// How the last pods go.
    pub to_zero: ToZero,
    /// Whether they stay while anything is left to do.
    pub drain_backlog: bool,
}

impl Default for Steps {
    fn default() -> Steps {
        Steps {
            period: defaults::STEP_PERIOD,
            down_window: defaults::DOWN_STABILIZATION,
            tolerance: defaults::TOLERANCE,
            to_zero: ToZero::default(),
            drain_backlog: false,
        }
    }
}

impl Steps {
    /// What the annotations of `object` say, and Kubernetes' defaults otherwise.
    pub fn of(object: &ScaledObject) -> Steps {
        let config::keda::Steps { period, to_zero, drain_backlog } = object.steps;
        Steps { period, to_zero, drain_backlog, ..Steps::default() }
    }
}

/// One trigger, as far as arithmetic goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Its name, for people: as declared, else its kind.
    pub name: String,
    /// What its metric is compared with.
    pub target: Target,
}

/// A formula in place of all triggers.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// `formula`; its names are those of the triggers, in their order.
    pub formula: Formula,
    /// What its outcome is compared with.
    pub target: Target,
    /// `activationTarget`: the object is active above it.
    pub activation: f64,
}

impl Rules {
    /// The rules of `object`, whose triggers have these `targets`, one each.
    ///
    /// # Errors
    /// Its formula cannot be used.
    pub fn of(object: &ScaledObject, targets: &[f64], steps: Steps) -> Result<Rules, FormulaError> {
        let named = object.triggers.iter().zip(targets).map(|(trigger, target)| Trigger {
            name: trigger.name.clone().unwrap_or_else(|| trigger.kind.clone()),
            target: target_of(trigger.metric_type, *target),
        });
        Ok(Rules {
            replicas: object.replicas,
            polling: object.polling_interval,
            waits: Waits { cooldown: object.cooldown, initial: object.initial_cooldown },
            behavior: object.behavior.clone(),
            steps,
            fallback: object.fallback,
            triggers: named.collect(),
            composite: Composite::of(object)?,
        })
    }

    /// How far off its target a metric may be, in both directions.
    pub(super) fn tolerance(&self) -> Tolerance {
        match &self.behavior {
            Some(behavior) => Tolerance { up: behavior.up.tolerance, down: behavior.down.tolerance },
            None => Tolerance { up: self.steps.tolerance, down: self.steps.tolerance },
        }
    }
}

impl Composite {
    /// The formula of `object`, if it has one.
    ///
    /// # Errors
    /// The formula cannot be used.
    pub fn of(object: &ScaledObject) -> Result<Option<Composite>, FormulaError> {
        let Some(modifiers) = &object.modifiers else { return Ok(None) };
        // A trigger without a name has its place all the same, so that values are found by place.
        let names: Vec<&str> = object.triggers.iter().map(|trigger| trigger.name.as_deref().unwrap_or("")).collect();
        Ok(Some(Composite {
            formula: Formula::parse(&modifiers.formula, &names)?,
            target: target_of(modifiers.metric_type, modifiers.target),
            activation: modifiers.activation_target,
        }))
    }
}

/// A utilization is of what pods request: an average as well.
fn target_of(kind: MetricType, target: f64) -> Target {
    match kind {
        MetricType::Value => Target::Value(Milli::target(target)),
        MetricType::AverageValue | MetricType::Utilization => Target::Average(Milli::target(target)),
    }
}
