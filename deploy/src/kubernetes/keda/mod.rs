//! KEDA's ScaledObjects in a cluster where KEDA does not run: what each names is scaled by what its triggers count.
//!
//! Whether they are served at all is looked at each minute ([`standing`]). While they are, the [`controller`] watches them,
//! makes a plan of each for [`crate::triggers::Keepers`], with the Secrets, ConfigMaps and variables that its triggers use
//! (`config::manifest::given_on_cluster` says which; [`surroundings`] reads them), and names what it scales to the
//! platform. What users see of it is its [`status`], written late and only when it changed.

mod controller;
mod definition;
mod due;
mod run;
mod served;
mod serving;
mod standing;
mod status;
mod surroundings;
mod telling;

pub use definition::definitions;
pub use run::{KedaParts, run};
pub use standing::{LEASE, METRICS};

use kube::core::ApiResource;

/// What is read of KEDA's objects, in which version.
const GROUP_VERSION: &str = "keda.sh/v1alpha1";

fn scaled_objects() -> ApiResource {
    resource("ScaledObject", "scaledobjects")
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
