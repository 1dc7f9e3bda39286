//! What of a pod the injector looks at.

use std::collections::BTreeMap;

use config::annotations::Annotations;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A pod; what is absent or `null` is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    name: Option<String>,
    generate_name: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) labels: Annotations,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) annotations: Annotations,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) init_containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) volumes: Vec<Volume>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) host_network: bool,
    pub(super) restart_policy: Option<String>,
    pub(super) dns_policy: Option<String>,
    pub(super) termination_grace_period_seconds: Option<i64>,
    pub(super) os: Option<Os>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Os {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) projected: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) ports: Vec<Port>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) env: Vec<Variable>,
    pub(super) readiness_probe: Option<Value>,
    pub(super) lifecycle: Option<Lifecycle>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) resources: Used,
    /// `Always` on an init container makes it a sidecar.
    pub(super) restart_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Port {
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) name: String,
    container_port: i64,
    protocol: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) host_port: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Lifecycle {
    pub(super) pre_stop: Option<Value>,
}

/// What a container asks for and is limited to, by resource.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Used {
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) requests: BTreeMap<String, Value>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) limits: BTreeMap<String, Value>,
}

impl Metadata {
    /// Its name, or as much of it as is known before the apiserver has made it up.
    pub(super) fn name(&self) -> String {
        let known = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        known(&self.name)
            .or_else(|| known(&self.generate_name).map(|name| format!("{name}…")))
            .unwrap_or_else(|| "?".to_owned())
    }
}

impl Spec {
    /// All containers that run as long as the pod does, with the paths of their fields.
    pub(super) fn lasting(&self) -> impl Iterator<Item = (String, &Container)> {
        let listed = |list: &'static str, containers: &'_ [Container]| {
            (0..containers.len()).map(move |n| format!("spec.{list}[{n}]"))
        };
        let is_sidecar = |(_, container): &(String, &Container)| container.restart_policy.as_deref() == Some("Always");
        let sidecars = listed("initContainers", &self.init_containers).zip(&self.init_containers).filter(is_sidecar);
        listed("containers", &self.containers).zip(&self.containers).chain(sidecars)
    }
}

impl Port {
    /// Its number, if it is one of TCP.
    pub(super) fn tcp(&self) -> Option<u16> {
        let is_tcp = self.protocol.as_deref().is_none_or(|protocol| protocol.is_empty() || protocol == "TCP");
        u16::try_from(self.container_port).ok().filter(|port| is_tcp && *port > 0)
    }
}

fn null_is_empty<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
