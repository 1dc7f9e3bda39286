//! Whether Kubernetes leads a Service to pods by itself.

use kube::api::{ListParams, VersionMatch};
use kube::core::ApiResource;
use kube::{Api, Client};

use super::objects::{ServiceObject, SliceObject, services};
use super::service::ServiceId;
use super::slice::{MANAGED_BY_LABEL, SERVICE_LABEL};
use crate::kubernetes::names::MANAGED_BY;

/// Where Kubernetes leads a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// To a ready pod.
    Ready,
    /// To nobody yet.
    Not,
    /// Nowhere: there is no such Service, and Kubernetes deletes its slices.
    NoService,
}

/// Whether slices of the Service that are not ours lead to a ready pod. Read anew each time: it is asked only while a
/// Service is given back, and nobody needs to watch all slices of a cluster for that. The slices are read as they were
/// when the Service was last written or later, so that the apiserver need not ask its store for all slices of a namespace.
pub(super) async fn filled(client: &Client, kind: &ApiResource, service: &ServiceId) -> Result<Filled, kube::Error> {
    let known: Api<ServiceObject> = Api::namespaced_with(client.clone(), service.namespace(), &services());
    let Some(object) = known.get_opt(service.name()).await? else { return Ok(Filled::NoService) };
    let theirs = format!("{SERVICE_LABEL}={},{MANAGED_BY_LABEL}!={MANAGED_BY}", service.name());
    let mut which = ListParams::default().labels(&theirs);
    if let Some(version) = object.metadata.object.resource_version {
        which = which.at(&version).matching(VersionMatch::NotOlderThan);
    }
    let api: Api<SliceObject> = Api::namespaced_with(client.clone(), service.namespace(), kind);
    let slices = api.list(&which).await?;
    let leads = |slice: &SliceObject| slice.endpoints.iter().any(|endpoint| endpoint.is_ready());
    Ok(if slices.items.iter().any(leads) { Filled::Ready } else { Filled::Not })
}
