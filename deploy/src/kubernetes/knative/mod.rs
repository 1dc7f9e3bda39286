//! Knative `Service` objects in a cluster without Knative: each becomes a Deployment and a Service of the same name.
//!
//! The definition of the resource is Knative's by name and ours by its label ([`definition`]): where Knative's own is,
//! nothing is done. What a `Service` says and whether all of it is honoured, `config::manifest::knative_service` reads;
//! what is to be there follows from it (`desired`), and what users see of it (`status`); the `controller` does it.

mod child;
mod controller;
mod definition;
mod desired;
mod run;
mod status;
#[cfg(test)]
mod stories;

pub use definition::{NAME as DEFINITION_NAME, definition};
pub use run::{Settings, run};

use kube::core::ApiResource;

/// Knative's `Service`.
pub(super) fn services() -> ApiResource {
    resource("serving.knative.dev", "v1", "Service", "services")
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}
