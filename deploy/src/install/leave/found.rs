//! What there is of Rouse in a cluster.

use kube::core::ApiResource;
use serde_json::Value;

use super::routed::Routed;
use crate::install::cluster::{Cluster, ClusterError};
use crate::install::enter::trigger_secrets;
use crate::install::manifests::{MANAGER_LABEL, PART_OF, manifests};
use crate::install::object::resource;
use crate::install::serves::Serves;
use crate::install::workloads::{self, Labelled};
use crate::install::{BudgetApi, Object, Settings};
use crate::kubernetes::names::{AUTHORITY, AUTOSCALER, INJECTOR, LEASE, MANAGED_BY, SYSTEM_LABEL};
use crate::kubernetes::scaled_kind::ScaledKind;
use crate::kubernetes::{keda, knative};
use crate::link::ReporterIdentity;

/// Whose slice it is, and of which Service.
const SLICE_MANAGER: &str = "endpointslice.kubernetes.io/managed-by";
const SLICE_SERVICE: &str = "kubernetes.io/service-name";

/// Everything that leaving depends on.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The name of our namespace.
    pub(super) namespace: String,
    /// Whether pods of ours are in it.
    pub(super) runs: bool,
    /// All labelled workloads.
    pub(super) workloads: Vec<Labelled>,
    /// All Services that are not Kubernetes' own yet.
    pub(super) services: Vec<Routed>,
    /// All slices of ours.
    pub(super) slices: Vec<Slice>,
    /// The budgets for evictions that we gave to workloads.
    pub(super) budgets: Vec<Object>,
    /// The autoscaler.
    pub(super) autoscaler: Option<Object>,
    /// Whether it was not stopped yet.
    pub(super) decides: bool,
    /// What makes the apiserver ask the injector.
    pub(super) webhook: Option<Object>,
    /// Whether an injector answers.
    pub(super) injects: bool,
    /// Namespaces that are not ours and that the injector is not asked about.
    pub(super) labelled: Vec<Object>,
    /// The definition of Knative's `Service`, if it is ours.
    pub(super) definition: Option<Object>,
    /// The definitions of KEDA's ScaledObject and ScaledJob, if they are ours.
    pub(super) scaled_objects: Option<Object>,
    pub(super) scaled_jobs: Option<Object>,
    /// Our other objects, in the order in which they came.
    pub(super) ours: Vec<Object>,
}

/// An EndpointSlice of ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slice {
    /// Which it is.
    pub(super) object: Object,
    /// The name of its Service.
    pub(super) service: Option<String>,
}

impl Slice {
    fn new(resource: &ApiResource, value: &Value) -> Slice {
        let service = value["metadata"]["labels"][SLICE_SERVICE].as_str().map(str::to_owned);
        Slice { object: Object::read(resource, value), service }
    }

    pub(super) fn is_of(&self, service: &Object) -> bool {
        self.service.as_deref() == Some(service.name()) && self.object.namespace() == service.namespace()
    }
}

impl Found {
    /// Whether workloads may be at zero, or Services routed, by our doing.
    pub(super) fn has_control(&self) -> bool {
        self.autoscaler.is_some() || !self.services.is_empty() || !self.slices.is_empty()
    }

    /// Reads it all. Rouse's own namespace is `namespace`.
    pub(super) async fn read(cluster: &Cluster, serves: &Serves, namespace: &str) -> anyhow::Result<Found> {
        let mut found = Found { namespace: namespace.to_owned(), ..Found::default() };
        found.runs = !cluster.list(&resource("v1", "Pod"), Some(namespace), PART_OF).await?.is_empty();
        let installed = settings(namespace, serves.budgets);
        for object in manifests(&installed).into_iter().chain(made(namespace)) {
            if let Some(value) = cluster.get(&object).await? {
                found.take(object, &value);
            }
        }
        found.ours.extend(trigger_secrets(cluster).await?);
        found.definition = if_ours(cluster, knative::definition()).await?;
        let [scaled_objects, scaled_jobs, ..] = keda::definitions();
        found.scaled_objects = if_ours(cluster, scaled_objects).await?;
        found.scaled_jobs = if_ours(cluster, scaled_jobs).await?;
        let kinds = found.kinds(cluster).await?;
        found.workloads = workloads::read(cluster, &kinds).await?;
        let slices = cluster.list(&serves.slices, None, &format!("{SLICE_MANAGER}={MANAGED_BY}")).await?;
        found.slices = slices.iter().map(|value| Slice::new(&serves.slices, value)).collect();
        let budgets = resource(serves.budgets.api_version(), "PodDisruptionBudget");
        let of_workloads = cluster.list(&budgets, None, &format!("{MANAGER_LABEL}={MANAGED_BY}")).await?;
        let of_workloads = of_workloads.iter().map(|value| Object::read(&budgets, value));
        found.budgets = of_workloads.filter(|budget| budget.namespace() != Some(namespace)).collect();
        let services = cluster.list(&resource("v1", "Service"), None, "").await?;
        found.services = services.iter().filter_map(|service| Routed::new(service, &found.slices)).collect();
        let namespaces = resource("v1", "Namespace");
        let labelled = cluster.list(&namespaces, None, &format!("{SYSTEM_LABEL}=true")).await?;
        let foreign = labelled.iter().filter(|value| value["metadata"]["labels"][MANAGER_LABEL] != MANAGED_BY);
        found.labelled = foreign.map(|value| Object::read(&namespaces, value)).collect();
        Ok(found)
    }

    /// One of our objects is there.
    fn take(&mut self, object: Object, value: &Value) {
        let number = |pointer| value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        match (object.kind(), object.name()) {
            ("Deployment", AUTOSCALER) => {
                self.autoscaler = Some(object.clone());
                self.decides = number("/spec/replicas") > 0;
            }
            ("Deployment", INJECTOR) => self.injects = number("/status/availableReplicas") > 0,
            ("MutatingWebhookConfiguration", _) => {
                self.webhook = Some(object);
                return;
            }
            ("Namespace", _) if value["metadata"]["labels"][MANAGER_LABEL] != MANAGED_BY => return,
            _ => {}
        }
        self.ours.push(object);
    }

    /// The kinds that the autoscaler was told to scale.
    async fn kinds(&self, cluster: &Cluster) -> anyhow::Result<Vec<ScaledKind>> {
        let Some(deployment) = &self.autoscaler else { return Ok(Vec::new()) };
        let deployment = cluster.get(deployment).await?.unwrap_or_default();
        let args = deployment.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
        let kinds = args.into_iter().flatten().filter_map(|arg| arg.as_str()?.strip_prefix("--kind="));
        kinds.map(|kind| Ok(kind.parse()?)).collect()
    }
}

/// Everything that an installation may have had.
fn settings(namespace: &str, budgets: BudgetApi) -> Settings {
    Settings {
        namespace: namespace.to_owned(),
        image: String::new(),
        activators: 1,
        kinds: Vec::new(),
        reporter_identity: ReporterIdentity::Token,
        pod_monitor: true,
        knative_services: false,
        keda_objects: false,
        external_scaler: false,
        trigger_secrets: Vec::new(),
        budgets,
    }
}

/// The definition, if it is there and we made it.
async fn if_ours(cluster: &Cluster, definition: Value) -> Result<Option<Object>, ClusterError> {
    let definition = Object::new(definition);
    let there = cluster.get(&definition).await?;
    let is_ours = there.is_some_and(|there| there["metadata"]["labels"][MANAGER_LABEL] == MANAGED_BY);
    Ok(is_ours.then_some(definition))
}

/// What our processes make in their namespace.
fn made(namespace: &str) -> [Object; 3] {
    let object = |api_version, kind, name| Object::named(&resource(api_version, kind), Some(namespace), name);
    [
        object("v1", "Secret", AUTHORITY),
        object("v1", "ConfigMap", AUTHORITY),
        object("coordination.k8s.io/v1", "Lease", LEASE),
    ]
}
