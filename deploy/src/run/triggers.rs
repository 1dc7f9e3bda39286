//! The ScaledObjects and ScaledJobs that are served.

use std::sync::Arc;

use config::Problems;
use config::manifest::Manifests;

use crate::jobs;
use crate::local::JobProcesses;
use crate::sources::{Pool, PoolSettings};
use crate::triggers::{Keepers, Plan};

/// Those that are served.
pub(super) struct Triggers {
    objects: Keepers,
    jobs: jobs::Keepers<JobProcesses>,
    pool: Arc<Pool>,
}

/// Those that are to be served.
pub(super) struct Plans {
    objects: Vec<Plan>,
    jobs: Vec<jobs::Plan>,
}

impl Triggers {
    pub(super) fn new(objects: Keepers, jobs: jobs::Keepers<JobProcesses>) -> Triggers {
        Triggers { objects, jobs, pool: Pool::new(PoolSettings::default()) }
    }

    /// What is known of Jobs.
    pub(super) fn jobs(&self) -> &jobs::Told {
        self.jobs.told()
    }

    /// What the ScaledObjects and ScaledJobs of `manifests` come to.
    pub(super) fn plan(&self, manifests: &Manifests) -> Result<Plans, Problems> {
        let objects = manifests.scaled_objects.iter().filter_map(|object| {
            let id = &object.object.target.workload;
            // Of one that is in none of the files, the check of the files has told.
            let declared = manifests.workloads.iter().find(|declared| declared.workload.id == *id)?;
            Some(Plan::new(object, declared.worker, &self.pool))
        });
        let jobs = manifests.scaled_jobs.iter().map(|declared| jobs::Plan::new(declared, &self.pool));
        Ok(Plans { objects: objects.collect::<Result<_, _>>()?, jobs: jobs.collect::<Result<_, _>>()? })
    }

    /// From now on these are served. Says of how many ScaledJobs it had to tell that they changed.
    pub(super) async fn set(&mut self, plans: Plans) -> usize {
        self.objects.set(plans.objects).await;
        self.jobs.set(plans.jobs)
    }

    /// Tells all Jobs to end, and returns when nothing of them is left.
    pub(super) async fn stop(&mut self) {
        self.jobs.stop().await;
    }
}
