//! Kubernetes as a [`Platform`].

use std::collections::BTreeSet;
use std::sync::Arc;

use config::{Platform, PlatformError, PlatformEvent, Route, WorkloadId};
use futures_core::Stream;
use futures_util::stream;
use kube::Api;
use kube::api::ListParams;
use kube::core::{ApiResource, ObjectMeta};
use queue_proxy::Clock;
use tokio::sync::watch;

use super::discovery::Discovered;
use super::disruption::Disruptions;
use super::knative;
use super::names::{ORIGINAL_REPLICAS, SCALE_LABEL};
use super::objects::Metadata;
use super::objects::workload::WorkloadObject;
use super::patches::{self, Raised};
use super::route::Router;
use super::route_calls::RouteCalls;
use super::scale::{self, ScaleObject, Zero};
use super::shared::Shared;
use super::told::{ObjectRef, Teller};
use super::view::View;
use super::writes::{Urgency, WriteError, Writes};

pub use super::shared::Reach;
use crate::triggers::Counted;
use crate::wakes::Wakes;

/// What a platform is made of.
#[derive(Clone, Debug)]
pub struct KubernetesParts {
    /// How it reads and writes.
    pub writes: Writes,
    /// What the cluster serves.
    pub discovered: Arc<Discovered>,
    /// Our own namespace, where the ConfigMaps are.
    pub namespace: String,
    /// What time it is, since 1970: [`Clock::wall`].
    pub clock: Clock,
    /// Where routes are asked for.
    pub routes: RouteCalls,
    /// Who hears of what exists and of the ports that pods name, and when all has been listed; who gives Services back.
    pub router: Option<Arc<Router>>,
    /// Where the settings of Knative's `Service` objects are.
    pub knative: watch::Sender<knative::Settings>,
    /// Who keeps budgets for evictions.
    pub disruptions: Arc<Disruptions>,
    /// Who hears what is wrong or odd.
    pub teller: Teller,
    /// Where it is told when a wish for pods goes out.
    pub wakes: Wakes,
    /// Where the pods are counted of what has no label, and only triggers scale.
    pub counted: Counted,
}

/// Plain workloads with the label `rouse.dev/scale`, and their pods with the label `rouse.dev/inject`.
#[derive(Debug)]
pub struct KubernetesPlatform {
    parts: KubernetesParts,
    shared: Arc<Shared>,
}

impl KubernetesPlatform {
    /// The platform of `parts`; it watches and writes nothing before [`Platform::events`] is polled.
    pub fn new(parts: KubernetesParts) -> Arc<KubernetesPlatform> {
        Arc::new(KubernetesPlatform { parts, shared: Arc::default() })
    }

    /// How clients reach the workload now; with no Service, [`Reach::default`]. May be said before the workload is known.
    pub fn set_reach(&self, id: &WorkloadId, reach: Reach) {
        self.shared.set_reach(id, reach);
    }

    /// The workload is scaled by what triggers ask for, whether it has the label or not: it is watched and known from now on.
    pub fn name(&self, id: &WorkloadId) {
        self.shared.name(id);
    }

    /// Triggers ask for nothing of it any more. Without the label it is nobody's then, and has `restore` replicas, or as
    /// many as it has.
    pub fn unname(&self, id: &WorkloadId, restore: Option<u32>) {
        self.shared.unname(id, restore);
    }

    /// Waits until some that were named are there, or have another template or label; which. For one caller; cancel-safe.
    pub async fn appeared(&self) -> BTreeSet<WorkloadId> {
        self.shared.appeared().await
    }

    /// The workload as events name it, if there is such a one.
    pub fn reference(&self, id: &WorkloadId) -> Option<ObjectRef> {
        self.shared.reference(id)
    }

    /// Sees to it that a workload that is asked to have no pods gets one; others have some on their way, as has one whose
    /// label is taken off. One whose label went while nobody looked gets back what it had at adoption.
    ///
    /// # Errors
    /// As [`Platform::scale`].
    pub async fn wake(&self, id: &WorkloadId) -> Result<(), PlatformError> {
        match self.shared.replicas(id) {
            Some((_, 0)) if !self.shared.is_leaving(id) => self.scale(id, 1).await,
            Some(_) => Ok(()),
            None => self.raise(id).await.map_err(|error| PlatformError::Refused(error.to_string())),
        }
    }

    /// Gives a workload its replicas back that is at zero, and has the label no more.
    async fn raise(&self, id: &WorkloadId) -> Result<(), WriteError> {
        let Some(kind) = self.parts.discovered.kinds.iter().find(|kind| kind.kind == id.kind()) else { return Ok(()) };
        let client = self.parts.writes.client().clone();
        let objects: Api<WorkloadObject> = Api::namespaced_with(client, id.namespace(), kind);
        let named = ListParams::default().fields(&format!("metadata.name={}", id.name()));
        let Some(object) = objects.list(&named).await?.items.pop() else { return Ok(()) };
        let Metadata { object: ObjectMeta { labels, deletion_timestamp, .. }, .. } = &object.metadata;
        let is_labelled = labels.as_ref().is_some_and(|labels| labels.contains_key(SCALE_LABEL));
        if is_labelled || deletion_timestamp.is_some() {
            return Ok(());
        }
        let pods = object.metadata.annotation(ORIGINAL_REPLICAS).and_then(|original| original.parse().ok());
        let pods = pods.unwrap_or(1).max(1);
        if patches::raise(&self.parts.writes, kind, (id, object.metadata.uid()), pods).await? == Raised::Got {
            tracing::info!("{id}: is not Rouse's any more and was at zero: {pods} replicas again");
        }
        Ok(())
    }

    /// Patches the scale subresource from `old` to `pods`.
    async fn write(&self, kind: &ApiResource, id: &WorkloadId, old: u32, pods: u32) -> Result<Wrote, WriteError> {
        let urgency = if old == 0 { Urgency::Wake } else { Urgency::Scale };
        let mut zero = Zero::Absent;
        loop {
            let patch = scale::patch(old, pods, zero);
            let request = scale::request(kind, id.namespace(), id.name(), &patch).map_err(kube::Error::HttpError)?;
            let sent = || self.parts.wakes.sent(id, self.parts.clock.now());
            let error = match self.parts.writes.send_telling::<ScaleObject>(urgency, "scale", request, sent).await {
                Ok(written) => return Ok(Wrote::It(written.metadata.version())),
                Err(error) => error,
            };
            match error.code() {
                Some(404) => return Ok(Wrote::Nowhere),
                // The test failed: it is not what we thought.
                Some(409 | 422) => {}
                _ => return Err(error),
            }
            let request = scale::get(kind, id.namespace(), id.name()).map_err(kube::Error::HttpError)?;
            let found: ScaleObject = self.parts.writes.client().request(request).await?;
            let version = found.metadata.version();
            match found.replicas() {
                is if is == pods => return Ok(Wrote::It(version)),
                is if is != old => return Ok(Wrote::Found(is, version)),
                0 if zero == Zero::Absent => zero = Zero::Shown,
                // It is what we thought: something else is wrong with the patch.
                _ => return Err(error),
            }
        }
    }
}

/// What became of a patch.
enum Wrote {
    /// The object has what was asked for, in this version.
    It(Option<u64>),
    /// Somebody else asked for so many meanwhile.
    Found(u32, Option<u64>),
    /// There is no such object.
    Nowhere,
}

impl Platform for KubernetesPlatform {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        let view = View::new(self.parts.clone(), Arc::clone(&self.shared));
        Box::pin(stream::unfold(view, async |mut view| Some((view.next().await, view))))
    }

    /// Nothing is written if it is so already. Somebody else's change stands: [`PlatformError::Changed`].
    async fn scale(&self, workload: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
        let Some((kind, old)) = self.shared.begin(workload, pods)? else { return Ok(()) };
        let wrote = self.write(&kind, workload, old, pods).await;
        let now = self.parts.clock.now();
        match wrote {
            Ok(Wrote::It(version)) => {
                self.shared.end(workload, |scale| scale.wrote(version, now));
                Ok(())
            }
            Ok(Wrote::Found(found, version)) => {
                self.shared.end(workload, |scale| scale.found_changed(found, version, now));
                Err(PlatformError::Changed(found))
            }
            Ok(Wrote::Nowhere) => {
                self.shared.end(workload, |scale| scale.failed(now));
                Err(PlatformError::UnknownWorkload(workload.clone()))
            }
            Err(error) => {
                self.shared.end(workload, |scale| scale.failed(now));
                Err(PlatformError::Refused(error.to_string()))
            }
        }
    }

    async fn route(&self, workload: &WorkloadId, route: Route) -> Result<(), PlatformError> {
        self.parts.routes.route(workload, route).await
    }
}
