//! What a ScaledObject comes to: the rules by which its numbers are taken, and what reads them.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::modifiers::FormulaError;
use autoscaler::triggers::object::{Rules, Steps};
use config::keda::Switches;
use config::manifest::DeclaredObject;
use config::{Problems, WorkloadId};

use super::opened::{self, Opened};
use crate::sources::{self, OpenError, Pool, Source};

/// A ScaledObject that can be served.
#[derive(Debug)]
pub struct Plan {
    /// What it scales.
    pub(super) workload: WorkloadId,
    /// For people: `ScaledObject default/worker`.
    pub(super) name: String,
    pub(super) rules: Rules,
    pub(super) switches: Switches,
    /// What reads each of the rules' triggers, in their order.
    pub(super) sources: Vec<Box<dyn Source>>,
    /// Whether nothing but triggers asks for the workload's pods.
    pub(super) alone: bool,
}

/// Why a ScaledObject cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// What a trigger was given is wrong.
    #[error(transparent)]
    Given(#[from] Problems),
    /// A trigger has no client.
    #[error("{file}: {object}: spec.triggers[{trigger}]: {error}")]
    Open {
        /// Where it is declared.
        file: String,
        /// Which object.
        object: String,
        /// Which of its triggers.
        trigger: usize,
        /// Why.
        error: OpenError,
    },
    /// Its formula cannot be used.
    #[error("{file}: {object}: spec.advanced.scalingModifiers.formula: {error}")]
    Formula {
        /// Where it is declared.
        file: String,
        /// Which object.
        object: String,
        /// Why.
        error: FormulaError,
    },
}

impl Plan {
    /// Where on the grid of its polling interval its polls are. It follows from the first question that it asks, so that who
    /// asks the same asks at the same time and shares the answer, and other questions are spread.
    pub(super) fn phase(&self) -> Duration {
        Duration::from_nanos(self.sources.first().map_or(0, |source| source.key().number()))
    }

    /// What `declared` comes to; `alone` if no request ever comes to what it scales. Connects to nothing.
    ///
    /// # Errors
    /// When it cannot be served as it is; then nothing of it is.
    pub fn new(declared: &DeclaredObject, alone: bool, pool: &Arc<Pool>) -> Result<Plan, PlanError> {
        let DeclaredObject { object, given, place: (file, named) } = declared;
        let asker = sources::Object {
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            interval: object.polling_interval,
        };
        let mut object = object.clone();
        let (mut targets, mut sources, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for Opened { trigger, target, source } in opened::open(&object.triggers, given, &declared.place, &asker, pool)?
        {
            read.push(trigger);
            targets.push(target);
            sources.push(source);
        }
        object.triggers = read;
        let formula = |error| PlanError::Formula { file: file.clone(), object: named.clone(), error };
        Ok(Plan {
            rules: Rules::of(&object, &targets, Steps::of(&object)).map_err(formula)?,
            workload: object.target.workload,
            name: named.clone(),
            switches: object.switches,
            sources,
            alone,
        })
    }
}
