//! Services and EndpointSlices as the apiserver has them, with the fields that are used and no others.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::ApiResource;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::kubernetes::objects::{Metadata, Object, of_any_kind, or_default};

/// A Service.
pub(super) type ServiceObject = Object<ServiceSpec, IgnoredAny>;

/// The kind of Services, which is the same everywhere.
pub(super) fn services() -> ApiResource {
    let (group, version, api_version) = (String::new(), "v1".to_owned(), "v1".to_owned());
    ApiResource { group, version, api_version, kind: "Service".to_owned(), plural: "services".to_owned() }
}

/// What it leads to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ServiceSpec {
    #[serde(deserialize_with = "or_default")]
    pub(super) selector: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) ports: Vec<ServicePort>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(rename = "clusterIP")]
    pub(super) cluster_ip: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) ip_families: Vec<String>,
    pub(super) internal_traffic_policy: Option<String>,
    pub(super) external_traffic_policy: Option<String>,
}

/// One of its ports.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServicePort {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) target_port: Option<IntOrString>,
    pub(super) protocol: Option<String>,
    pub(super) app_protocol: Option<String>,
}

/// An EndpointSlice, of whichever version.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SliceObject {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) address_type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ports: Vec<EndpointPort>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) endpoints: Vec<Endpoint>,
}

/// One port of a slice.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointPort {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) protocol: Option<String>,
    pub(super) app_protocol: Option<String>,
}

/// One of its endpoints.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Endpoint {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) addresses: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) conditions: Conditions,
}

/// How it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Conditions {
    /// Unknown is to be taken for ready.
    pub(super) ready: Option<bool>,
}

impl SliceObject {
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.metadata.object.labels.as_ref()?.get(key).map(String::as_str)
    }
}

impl Endpoint {
    pub(super) fn is_ready(&self) -> bool {
        self.conditions.ready != Some(false)
    }
}

of_any_kind!(SliceObject);
