//! One ScaledObject that is served, and what it comes to.

use config::WorkloadId;
use config::keda::ScaledObject;
use config::manifest::DeclaredObject;
use kube::core::ApiResource;

use crate::kubernetes::keda::desk::uses_others;
use crate::kubernetes::keda::status::{Facts, authentications};

/// One that is served.
#[derive(Debug)]
pub(super) struct Served {
    /// What it says, with what its triggers were given.
    pub(super) declared: DeclaredObject,
    /// Whether nothing but its triggers asks for pods.
    pub(super) alone: bool,
    pub(super) facts: Facts,
}

impl Served {
    /// What it scales.
    pub(super) fn workload(&self) -> &WorkloadId {
        &self.declared.object.target.workload
    }

    /// How many replicas that is to have once the object is gone.
    pub(super) fn restore(&self) -> Option<u32> {
        self.facts.original.filter(|_| self.declared.object.restore_original)
    }

    /// Whether its triggers use anything that may change without its being told.
    pub(super) fn uses_others(&self) -> bool {
        uses_others(&self.declared.given)
    }
}

impl Facts {
    /// Those of `object`, which scales something of `kind`.
    pub(in crate::kubernetes::keda) fn of(
        object: &ScaledObject,
        kind: ApiResource,
        metrics: &[String],
        original: Option<u32>,
    ) -> Facts {
        let paused = object.switches.paused.then_some(object.switches.paused_replicas);
        let triggers = object.triggers.iter().map(|trigger| trigger.kind.clone()).collect();
        Facts {
            kind,
            original,
            metrics: metrics.to_vec(),
            triggers,
            authentications: authentications(&object.triggers),
            paused,
        }
    }
}
