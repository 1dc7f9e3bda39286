//! Kubernetes as a [`Platform`].

use std::sync::Arc;

use config::{Platform, PlatformError, PlatformEvent, Protocol, Route, WorkloadId};
use futures_core::Stream;
use queue_proxy::Clock;

use super::discovery::Discovered;
use super::route_calls::RouteCalls;
use super::told::Teller;
use super::writes::Writes;

/// What a platform is made of.
#[derive(Clone, Debug)]
pub struct KubernetesParts {
    /// How it reads and writes.
    pub writes: Writes,
    /// What the cluster serves.
    pub discovered: Arc<Discovered>,
    /// Our own namespace, where the ConfigMaps are.
    pub namespace: String,
    /// What time it is.
    pub clock: Clock,
    /// Who turns routes.
    pub routes: RouteCalls,
    /// Who hears what is wrong or odd.
    pub teller: Teller,
}

/// How clients reach a workload, by the Services that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Host names, in lower case, without port.
    pub hosts: Vec<String>,
    /// What the served port says that the app speaks, if it says so.
    pub protocol: Option<Protocol>,
}

/// Plain workloads with the label `rouse.dev/scale`, and their pods.
#[derive(Debug)]
pub struct KubernetesPlatform {
    parts: KubernetesParts,
}

impl KubernetesPlatform {
    /// The platform of `parts`; it does nothing before [`Platform::events`] is called and polled.
    pub fn new(parts: KubernetesParts) -> Arc<KubernetesPlatform> {
        Arc::new(KubernetesPlatform { parts })
    }

    /// How clients reach the workload; with no Service, `Reach::default()`. May be said before the workload is known.
    pub fn set_reach(&self, _id: &WorkloadId, _reach: Reach) {}
}

impl Platform for KubernetesPlatform {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        futures_util::stream::pending()
    }

    async fn scale(&self, workload: &WorkloadId, _pods: u32) -> Result<(), PlatformError> {
        Err(PlatformError::UnknownWorkload(workload.clone()))
    }

    async fn route(&self, workload: &WorkloadId, route: Route) -> Result<(), PlatformError> {
        self.parts.routes.route(workload, route).await
    }
}
