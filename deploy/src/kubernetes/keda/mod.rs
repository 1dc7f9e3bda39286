//! KEDA's ScaledObjects and ScaledJobs in a cluster where KEDA does not run.
//!
//! Whether they are served at all is looked at each minute (`standing`). While they are, a `controller` for each of the two
//! kinds watches them, makes a plan of each with the Secrets, ConfigMaps and variables that its triggers use
//! (`config::manifest::given_on_cluster` says which; `surroundings` reads them), and has it kept: of `objects` by
//! [`crate::triggers::Keepers`], and what they scale is named to the platform; of `jobs` by keepers that create Jobs. What both
//! need is at the `desk`. What users see of one is its `status`, written late and only when it changed.

mod controller;
mod definition;
mod desk;
mod due;
mod jobs;
mod objects;
mod run;
mod serves;
mod standing;
mod status;
mod surroundings;
mod telling;
mod trouble;
mod words;

pub use definition::definitions;
pub use run::{KedaParts, run};
pub use standing::{LEASE, METRICS};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::Api;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};

use super::watch::{Which, watch};
use super::writes::Writes;

/// What is read of KEDA's objects, in which version.
const GROUP_VERSION: &str = "keda.sh/v1alpha1";

fn scaled_objects() -> ApiResource {
    resource("ScaledObject", "scaledobjects")
}

fn scaled_jobs() -> ApiResource {
    resource("ScaledJob", "scaledjobs")
}

fn trigger_authentications() -> ApiResource {
    resource("TriggerAuthentication", "triggerauthentications")
}

fn cluster_trigger_authentications() -> ApiResource {
    resource("ClusterTriggerAuthentication", "clustertriggerauthentications")
}

fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: "keda.sh".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: GROUP_VERSION.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Watches objects of `kind`; errors are told in the log, and it goes on.
fn watched(writes: &Writes, kind: &ApiResource, which: Which) -> BoxStream<'static, Event<DynamicObject>> {
    let of = format!("{}.{}", kind.plural, kind.group);
    let fine = move |event: watcher::Result<Event<DynamicObject>>| {
        let event = event.inspect_err(|error| tracing::warn!(%error, "the watch of {of} broke"));
        std::future::ready(event.ok())
    };
    watch(Api::all_with(writes.client().clone(), kind), which).filter_map(fine).boxed()
}
