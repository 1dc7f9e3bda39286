//! Whether Kubernetes leads a Service to pods by itself.

use kube::api::ListParams;
use kube::core::ApiResource;
use kube::{Api, Client};

use super::objects::SliceObject;
use super::service::ServiceId;
use super::slice::{MANAGED_BY_LABEL, SERVICE_LABEL};
use crate::kubernetes::names::MANAGED_BY;

/// Whether slices of the Service that are not ours lead to a ready pod. Read anew each time: it is asked only while a
/// Service is given back, and nobody needs to watch all slices of a cluster for that.
pub(super) async fn is_filled(client: &Client, kind: &ApiResource, service: &ServiceId) -> Result<bool, kube::Error> {
    let api: Api<SliceObject> = Api::namespaced_with(client.clone(), service.namespace(), kind);
    let theirs = format!("{SERVICE_LABEL}={},{MANAGED_BY_LABEL}!={MANAGED_BY}", service.name());
    let slices = api.list(&ListParams::default().labels(&theirs)).await?;
    let leads = |slice: &SliceObject| slice.endpoints.iter().any(|endpoint| endpoint.is_ready());
    Ok(slices.items.iter().any(leads))
}
