//! What a cluster serves, of what not every cluster does.

use anyhow::Context;
use kube::core::ApiResource;

use super::cluster::Cluster;
use super::object::resource;
use super::{BudgetApi, KubeVersion};

/// Discovered, never assumed.
#[derive(Debug)]
pub(super) struct Serves {
    /// Which API has PodDisruptionBudgets.
    pub(super) budgets: BudgetApi,
    /// Which API has EndpointSlices.
    pub(super) slices: ApiResource,
    /// Whether there are PodMonitors.
    pub(super) pod_monitors: bool,
}

impl Serves {
    /// Asks the apiserver.
    ///
    /// # Errors
    /// When it cannot be reached, or is too old.
    pub(super) async fn discover(cluster: &Cluster) -> anyhow::Result<Serves> {
        let version = cluster.client().apiserver_version().await.context("cannot ask the apiserver for its version")?;
        format!("{}.{}", version.major, version.minor).parse::<KubeVersion>()?;
        let groups = cluster.client().list_api_groups().await.context("cannot ask the apiserver for its APIs")?;
        let serves = |wanted: &str| {
            let mut versions = groups.groups.iter().flat_map(|group| &group.versions);
            versions.any(|version| version.group_version == wanted)
        };
        let slices = if serves("discovery.k8s.io/v1") { "discovery.k8s.io/v1" } else { "discovery.k8s.io/v1beta1" };
        Ok(Serves {
            budgets: if serves(BudgetApi::V1.api_version()) { BudgetApi::V1 } else { BudgetApi::V1Beta1 },
            slices: resource(slices, "EndpointSlice"),
            pod_monitors: serves("monitoring.coreos.com/v1"),
        })
    }
}
