//! Edits of the manifests while they are served.

use std::sync::Arc;

use activator::Activator;
use config::manifest::{Declared, Manifests};
use tracing::{info, warn};

use super::doors::Doors;
use super::triggers::Triggers;
use crate::exposition;
use crate::fleet::runs_the_same;
use crate::local::LocalPlatform;
use crate::log::short;

/// What is served now.
pub(super) struct Served {
    pub(super) workloads: Vec<Declared>,
    pub(super) platform: Arc<LocalPlatform>,
    pub(super) activator: Arc<Activator>,
    pub(super) doors: Doors,
    pub(super) triggers: Triggers,
}

impl Served {
    /// Applies an edit, or refuses all of it.
    pub(super) async fn edit(&mut self, manifests: anyhow::Result<Manifests>) {
        let applied = match manifests {
            Ok(manifests) => self.apply(manifests).await,
            Err(error) => Err(error),
        };
        exposition::edited(applied.is_ok());
        if let Err(error) = applied {
            warn!("the edit is refused and nothing of it applies:\n{error:#}");
        }
    }

    async fn apply(&mut self, manifests: Manifests) -> anyhow::Result<()> {
        // All that can fail comes first.
        let doors = self.doors.plan(&manifests.workloads)?;
        let plans = self.triggers.plan(&manifests)?;
        super::warn(&manifests);
        let workloads = manifests.workloads;
        let told = tell(&self.workloads, &workloads);
        for declared in workloads.iter().filter(|declared| !is_among(declared, &self.workloads)) {
            // Before its port is open; of all else the activator hears by the platform's events.
            self.activator.set_workload(&declared.workload);
        }
        self.platform.apply(workloads.clone());
        self.workloads = workloads;
        self.doors.set(doors);
        let told = told + self.triggers.set(plans).await;
        if told == 0 {
            info!("the files are edited; nothing changes");
        }
        Ok(())
    }
}

fn is_among(declared: &Declared, workloads: &[Declared]) -> bool {
    workloads.iter().any(|other| other.workload.id == declared.workload.id)
}

/// A line for each workload that is no longer what it was; says how many.
fn tell(before: &[Declared], after: &[Declared]) -> usize {
    let mut told = 0;
    for declared in after {
        let name = short(&declared.workload.id);
        match before.iter().find(|other| other.workload.id == declared.workload.id) {
            Some(same) if same == declared => continue,
            Some(other) if runs_the_same(other, declared) => info!("{name}: edited: new settings apply"),
            Some(_) => info!("{name}: edited: its pods are replaced"),
            None => info!("{name}: new, at {}", declared.workload.hosts.join(", ")),
        }
        told += 1;
    }
    for declared in before.iter().filter(|declared| !is_among(declared, after)) {
        info!("{}: removed", short(&declared.workload.id));
        told += 1;
    }
    told
}
