//! What a ScaledJob comes to.

use std::sync::Arc;

use config::Problems;
use config::keda::ScaledJob;
use config::manifest::DeclaredJob;

use super::launch::Work;
use crate::sources::{self, Pool};
use crate::triggers::{self, Opened};

/// A ScaledJob that can be served.
pub(crate) struct Plan {
    /// For people: `ScaledJob default/worker`. No two have the same.
    pub(super) name: String,
    pub(super) job: ScaledJob,
    pub(super) work: Arc<Work>,
    /// Those of its triggers that are read.
    pub(super) triggers: Vec<Opened>,
}

impl Plan {
    /// What `declared` comes to. Connects to nothing.
    ///
    /// # Errors
    /// When it cannot be served as it is; then nothing of it is.
    pub(crate) fn new(declared: &DeclaredJob, pool: &Arc<Pool>) -> Result<Plan, Problems> {
        let DeclaredJob { job, given, place, .. } = declared;
        let asker = sources::Object {
            namespace: job.namespace.clone(),
            name: job.name.clone(),
            interval: job.polling_interval,
        };
        let triggers = triggers::open(&job.triggers, given, place, &asker, pool)?;
        Ok(Plan { name: place.1.clone(), job: job.clone(), work: Arc::new(Work::of(declared)), triggers })
    }

    /// Whether this is what `other` is, as Kubernetes counts generations: all but annotations, and what a ConfigMap or
    /// Secret says. Those hold for Jobs that begin later.
    pub(super) fn is_the_same_as(&self, other: &Plan) -> bool {
        self.job == ScaledJob { paused: self.job.paused, ..other.job.clone() }
    }
}
