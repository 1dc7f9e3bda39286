//! What a Job does, and how a pod of it comes to life.

use std::time::Duration;

use config::manifest::{DeclaredJob, Template};
use config::{Failure, PodId};

use crate::fleet::Running;

/// What one Job does. It stays as it was when the Job began, whatever becomes of its ScaledJob.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// What each pod runs, resolved.
    pub(crate) template: Template,
    /// How long a pod may take to end when it is told to.
    pub(crate) grace: Duration,
    /// How many pods run at the same time.
    pub(super) parallelism: u32,
    /// How many have to succeed; without it one has to, and the others that run have to end.
    pub(super) completions: Option<u32>,
    /// How many failures of pods it survives.
    pub(super) backoff_limit: u32,
    /// How long it may take.
    pub(super) deadline: Option<Duration>,
}

impl Work {
    pub(super) fn of(declared: &DeclaredJob) -> Work {
        let job = &declared.job.job;
        Work {
            template: declared.template.without_port(),
            grace: declared.termination_grace,
            parallelism: job.parallelism,
            completions: job.completions,
            backoff_limit: job.backoff_limit,
            deadline: job.deadline,
        }
    }
}

/// How pods of Jobs come to life.
pub(crate) trait Launch: Send + Sync + 'static {
    /// One pod that was started.
    type Running: Running;

    /// Starts `pod`. May block for as long as a process takes to start.
    fn launch(&self, pod: &PodId, work: &Work) -> Result<Self::Running, Failure>;
}
