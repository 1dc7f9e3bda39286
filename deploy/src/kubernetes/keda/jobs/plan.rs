//! What a ScaledJob comes to on a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::Problems;
use config::keda::ScaledJob;
use config::manifest::Given;
use serde::Deserialize;
use serde_json::Value;

use crate::kubernetes::watched::Place;
use crate::sources::{self, Pool};
use crate::triggers::{self, Opened};

/// What one declares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Declared {
    pub(super) job: ScaledJob,
    pub(super) owner: Arc<Owner>,
    /// What its triggers may use.
    pub(super) given: Given,
}

/// What its Jobs take over from it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) uid: String,
    /// Another with each edit of its spec.
    pub(super) generation: i64,
    pub(super) labels: Option<BTreeMap<String, String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

impl Declared {
    /// What `object` declares, which `job` is read from.
    pub(super) fn new(object: &Value, job: ScaledJob, given: Given) -> Declared {
        // Whatever an apiserver serves can be read.
        let owner = Owner::deserialize(&object["metadata"]).unwrap_or_default();
        Declared { job, owner: Arc::new(owner), given }
    }
}

/// What people call the ScaledJob at `place`.
pub(super) fn called(place: &Place) -> String {
    format!("ScaledJob {place}")
}

/// A ScaledJob that can be served.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) place: Place,
    /// For people: `ScaledJob shop/worker`.
    pub(super) name: String,
    pub(super) job: ScaledJob,
    pub(super) owner: Arc<Owner>,
    /// Those of its triggers that are read.
    pub(super) triggers: Vec<Opened>,
}

impl Plan {
    /// What `declared`, at `place`, comes to. Connects to nothing.
    ///
    /// # Errors
    /// When it cannot be served as it is; then nothing of it is.
    pub(super) fn new(place: &Place, declared: &Declared, pool: &Arc<Pool>) -> Result<Plan, Problems> {
        let Declared { job, owner, given } = declared;
        let asker = sources::Object {
            namespace: job.namespace.clone(),
            name: job.name.clone(),
            interval: job.polling_interval,
        };
        let name = called(place);
        let triggers = triggers::open(&job.triggers, given, &(String::new(), name.clone()), &asker, pool)?;
        Ok(Plan { place: place.clone(), name, job: job.clone(), owner: Arc::clone(owner), triggers })
    }
}
