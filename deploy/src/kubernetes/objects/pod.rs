//! Pods.

use serde::Deserialize;

use super::workload::Condition;
use super::{Object, or_default};

/// A pod, as far as it is used.
pub(in crate::kubernetes) type PodObject = Object<PodSpec, PodStatus>;

/// What runs in it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kubernetes) struct PodSpec {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) containers: Vec<Container>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) init_containers: Vec<Container>,
}

/// One container.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::kubernetes) struct Container {
    #[serde(default)]
    pub(in crate::kubernetes) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) ports: Vec<Port>,
}

/// One port that a container declares.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kubernetes) struct Port {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) name: String,
    #[serde(default)]
    pub(in crate::kubernetes) container_port: u16,
}

/// How it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kubernetes) struct PodStatus {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) phase: String,
    #[serde(rename = "podIP", default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) pod_ip: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) conditions: Vec<Condition>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) container_statuses: Vec<ContainerStatus>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) init_container_statuses: Vec<ContainerStatus>,
}

impl PodStatus {
    /// The condition of this type.
    pub(in crate::kubernetes) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// How one container is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kubernetes) struct ContainerStatus {
    #[serde(default)]
    pub(in crate::kubernetes) name: String,
    #[serde(default)]
    pub(in crate::kubernetes) restart_count: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) state: ContainerState,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) last_state: ContainerState,
}

/// One of these, or none.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::kubernetes) struct ContainerState {
    pub(in crate::kubernetes) waiting: Option<Waiting>,
    pub(in crate::kubernetes) terminated: Option<Terminated>,
}

/// Why a container does not run yet, or not again.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::kubernetes) struct Waiting {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) reason: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) message: String,
}

/// How a container ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kubernetes) struct Terminated {
    #[serde(default)]
    pub(in crate::kubernetes) exit_code: i32,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) reason: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::kubernetes) message: String,
}
