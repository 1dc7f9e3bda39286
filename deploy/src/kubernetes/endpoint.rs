//! Where Links lead: the Service of the autoscaler has no selector, and the one that leads points it at itself.
//!
//! It is an EndpointSlice that is written, and no Endpoints object: kube-proxy follows slices since 1.19, and those that
//! Kubernetes would mirror from Endpoints come later and by another hand.

use std::net::IpAddr;
use std::pin::pin;

use anyhow::{Context, anyhow};
use config::bounds;
use futures_util::StreamExt;
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::core::Request;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::again::Again;
use super::names;
use super::writes::{Urgency, Writes};

/// What says which Service a slice is of.
const SERVICE: &str = "kubernetes.io/service-name";

/// What says who manages a slice, so that nobody else does.
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// The slice of the Service [`names::AUTOSCALER`], as the autoscaler that leads wants it.
#[derive(Clone, Debug)]
pub struct LinkEndpoint {
    writes: Writes,
    api: Api<DynamicObject>,
    kind: ApiResource,
    name: &'static str,
    address: IpAddr,
    ports: Vec<(&'static str, u16)>,
}

impl LinkEndpoint {
    /// The slice in `namespace`, in this `version` of `discovery.k8s.io` (`v1`, or `v1beta1` before 1.21), for a process
    /// that serves Links at `address`.
    pub fn new(writes: Writes, namespace: &str, version: &str, address: IpAddr) -> LinkEndpoint {
        let kind = GroupVersionKind::gvk("discovery.k8s.io", version, "EndpointSlice");
        let kind = ApiResource::from_gvk_with_plural(&kind, "endpointslices");
        let api = Api::namespaced_with(writes.client().clone(), namespace, &kind);
        // Of which family its addresses are cannot be changed in a slice.
        let name = if address.is_ipv6() { "rouse-autoscaler-ipv6" } else { names::AUTOSCALER };
        LinkEndpoint { writes, api, kind, name, address, ports: vec![(names::LINK_PORT_NAME, names::LINK_PORT)] }
    }

    /// The same, where KEDA may ask as well.
    #[must_use]
    pub fn with_scaler(mut self) -> LinkEndpoint {
        self.ports.push((names::SCALER_PORT_NAME, names::SCALER_PORT));
        self
    }

    /// Points the Service here, and again whenever somebody points it elsewhere: one who led before us may be late. For
    /// who holds the Lease; never ends. Links must be served already.
    pub async fn keep(&self) {
        let mut is_told = false;
        loop {
            let Err(error) = self.follow().await else { continue };
            if !is_told {
                is_told = true;
                warn!("Links do not lead here: {error:#}; trying on");
            }
            sleep(bounds::LINK_SLICE_AGAIN).await;
        }
    }

    /// Watches the slice and puts it right, until it was written by somebody else meanwhile.
    async fn follow(&self) -> anyhow::Result<()> {
        let changes = watch_object(self.api.clone(), self.name).backoff(Again(bounds::LINK_SLICE_AGAIN));
        let mut changes = pin!(changes);
        let first = timeout(bounds::LINK_SLICE_READ, changes.next()).await;
        let mut change = first.context("the apiserver does not answer")?;
        while let Some(found) = change {
            let found = found.context("cannot watch the slice")?;
            if !self.is_right(found.as_ref()) && !self.write(found).await? {
                return Ok(());
            }
            change = changes.next().await;
        }
        Ok(())
    }

    /// Writes the slice over what was found; false if it is something else by now.
    async fn write(&self, found: Option<DynamicObject>) -> anyhow::Result<bool> {
        let (to, how) = (Request::new(self.api.resource_url()), PostParams::default());
        let slice = self.slice(found);
        let body = serde_json::to_vec(&slice).context("the slice cannot be said")?;
        let request = match slice.meta().resource_version {
            Some(_) => to.replace(self.name, &how, body),
            None => to.create(&how, body),
        };
        let sent = self.writes.send::<DynamicObject>(Urgency::Route, "link", request.context("no request")?);
        match timeout(bounds::LINK_SLICE_READ, sent).await.context("the apiserver does not answer")? {
            Ok(_) => {
                info!(address = %self.address, "Links lead here");
                Ok(true)
            }
            Err(error) if matches!(error.code(), Some(409 | 404)) => Ok(false),
            Err(error) => Err(anyhow!(error).context("cannot write the slice")),
        }
    }

    /// Whether it leads here and nowhere else.
    fn is_right(&self, found: Option<&DynamicObject>) -> bool {
        found.is_some_and(|found| {
            let labels = found.metadata.labels.as_ref();
            let is_labelled = labels.is_some_and(|has| {
                self.labels().iter().all(|(key, value)| has.get(*key).is_some_and(|is| is == value))
            });
            let wanted = self.says();
            let parts = ["addressType", "ports"].iter().all(|part| found.data[part] == wanted[part]);
            is_labelled && parts && self.is_endpoint(&found.data["endpoints"])
        })
    }

    /// Whether this is one endpoint, ready, here; whatever else is said of it.
    fn is_endpoint(&self, endpoints: &Value) -> bool {
        let [endpoint] = endpoints.as_array().map(Vec::as_slice).unwrap_or_default() else { return false };
        endpoint["addresses"] == json!([self.address]) && endpoint["conditions"]["ready"] == true
    }

    fn slice(&self, found: Option<DynamicObject>) -> DynamicObject {
        let mut slice = found.unwrap_or_else(|| DynamicObject::new(self.name, &self.kind));
        let labels = self.labels().map(|(key, value)| (key.to_owned(), value.to_owned()));
        slice.metadata.labels.get_or_insert_default().extend(labels);
        slice.metadata.managed_fields = None;
        slice.data = self.says();
        slice
    }

    fn labels(&self) -> [(&'static str, &'static str); 2] {
        [(SERVICE, names::AUTOSCALER), (MANAGED_BY, names::MANAGED_BY)]
    }

    fn says(&self) -> Value {
        let port = |(name, port): &(&str, u16)| json!({ "name": name, "port": port, "protocol": "TCP" });
        json!({
            "addressType": if self.address.is_ipv6() { "IPv6" } else { "IPv4" },
            "endpoints": [{ "addresses": [self.address], "conditions": { "ready": true } }],
            "ports": self.ports.iter().map(port).collect::<Value>(),
        })
    }
}

#[cfg(test)]
mod tests;
