//! One ScaledObject that is served, and what it comes to.

use config::WorkloadId;
use config::keda::ScaledObject;
use config::manifest::DeclaredObject;
use kube::core::ApiResource;

use super::status::Facts;

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
        let given = &self.declared.given;
        let auth = given.auth.iter().flatten().any(|parameters| !parameters.is_empty());
        auth || given.env.as_ref().is_some_and(|env| !env.is_empty())
    }
}

impl Facts {
    /// Those of `object`, which scales something of `kind`.
    pub(super) fn of(object: &ScaledObject, kind: ApiResource, metrics: &[String], original: Option<u32>) -> Facts {
        let mut authentications: Vec<String> = Vec::new();
        for named in object.triggers.iter().filter_map(|trigger| trigger.authentication.as_ref()) {
            if !authentications.contains(&named.name) {
                authentications.push(named.name.clone());
            }
        }
        let paused = object.switches.paused.then_some(object.switches.paused_replicas);
        let triggers = object.triggers.iter().map(|trigger| trigger.kind.clone()).collect();
        Facts { kind, original, metrics: metrics.to_vec(), triggers, authentications, paused }
    }
}
