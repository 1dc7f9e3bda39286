//! The apiserver, by plain JSON: whatever the version of the cluster is, and whatever Rouse makes of it.

use std::time::Duration;

use anyhow::{Context, bail};
use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A kind of object, as the apiserver's paths have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
}

pub(crate) const DEPLOYMENTS: Kind = Kind { group: "apis/apps/v1", plural: "deployments" };
pub(crate) const STATEFUL_SETS: Kind = Kind { group: "apis/apps/v1", plural: "statefulsets" };
pub(crate) const SERVICES: Kind = Kind { group: "api/v1", plural: "services" };
pub(crate) const PODS: Kind = Kind { group: "api/v1", plural: "pods" };
pub(crate) const EVENTS: Kind = Kind { group: "api/v1", plural: "events" };
pub(crate) const CONFIG_MAPS: Kind = Kind { group: "api/v1", plural: "configmaps" };
pub(crate) const SECRETS: Kind = Kind { group: "api/v1", plural: "secrets" };
pub(crate) const CLUSTER_ROLES: Kind = Kind { group: "apis/rbac.authorization.k8s.io/v1", plural: "clusterroles" };
pub(crate) const WEBHOOKS: Kind =
    Kind { group: "apis/admissionregistration.k8s.io/v1", plural: "mutatingwebhookconfigurations" };
pub(crate) const NAMESPACES: Kind = Kind { group: "api/v1", plural: "namespaces" };
pub(crate) const QUOTAS: Kind = Kind { group: "api/v1", plural: "resourcequotas" };
pub(crate) const LEASES: Kind = Kind { group: "apis/coordination.k8s.io/v1", plural: "leases" };
pub(crate) const AUTOSCALERS: Kind = Kind { group: "apis/autoscaling/v1", plural: "horizontalpodautoscalers" };

/// A cluster that may be changed at will.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    /// Where EndpointSlices are served.
    slices: Kind,
    /// Where PodDisruptionBudgets are served.
    budgets: Kind,
}

impl Api {
    /// The cluster that KUBECONFIG names.
    pub(crate) async fn connect() -> anyhow::Result<Api> {
        let client = Client::try_default().await.context("no cluster")?;
        let newest = async |group: &str| -> anyhow::Result<bool> {
            let group: Value = client.request(Request::get(format!("/apis/{group}")).body(Vec::new())?).await?;
            Ok(group["preferredVersion"]["version"] == "v1")
        };
        let slices = match newest("discovery.k8s.io").await? {
            true => "apis/discovery.k8s.io/v1",
            false => "apis/discovery.k8s.io/v1beta1",
        };
        let budgets = if newest("policy").await? { "apis/policy/v1" } else { "apis/policy/v1beta1" };
        Ok(Api {
            slices: Kind { group: slices, plural: "endpointslices" },
            budgets: Kind { group: budgets, plural: "poddisruptionbudgets" },
            client,
        })
    }

    /// PodDisruptionBudgets, as this cluster serves them.
    pub(crate) fn budgets(&self) -> Kind {
        self.budgets
    }

    /// EndpointSlices, as this cluster serves them.
    pub(crate) fn slices(&self) -> Kind {
        self.slices
    }

    /// One call.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> anyhow::Result<Value> {
        let mut request = Request::builder().method(method.clone()).uri(path);
        let mut bytes = Vec::new();
        if let Some((kind, body)) = body {
            request = request.header(http::header::CONTENT_TYPE, kind);
            bytes = serde_json::to_vec(body)?;
        }
        self.client.request(request.body(bytes)?).await.with_context(|| format!("{method} {path}"))
    }

    /// One GET whose answer is text.
    pub(crate) async fn text(&self, request: Request<Vec<u8>>) -> anyhow::Result<String> {
        Ok(self.client.request_text(request).await?)
    }

    fn path(kind: Kind, namespace: &str, rest: &str) -> String {
        match namespace {
            "" => format!("/{}/{}{rest}", kind.group, kind.plural),
            namespace => format!("/{}/namespaces/{namespace}/{}{rest}", kind.group, kind.plural),
        }
    }

    pub(crate) async fn get(&self, kind: Kind, namespace: &str, name: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, &Self::path(kind, namespace, &format!("/{name}")), None).await
    }

    /// The objects of a namespace whose labels `selector` selects.
    pub(crate) async fn list(&self, kind: Kind, namespace: &str, selector: &str) -> anyhow::Result<Vec<Value>> {
        let selector = selector.replace('=', "%3D").replace(',', "%2C");
        let path = Self::path(kind, namespace, &format!("?labelSelector={selector}"));
        let mut list = self.call(Method::GET, &path, None).await?;
        Ok(match list["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        })
    }

    pub(crate) async fn create(&self, kind: Kind, namespace: &str, object: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, &Self::path(kind, namespace, ""), Some(("application/json", object))).await
    }

    pub(crate) async fn merge(&self, kind: Kind, namespace: &str, name: &str, patch: &Value) -> anyhow::Result<Value> {
        let path = Self::path(kind, namespace, &format!("/{name}?fieldManager=bench"));
        self.call(Method::PATCH, &path, Some(("application/merge-patch+json", patch))).await
    }

    /// Deletes one object; one that is not there is no error.
    pub(crate) async fn delete(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        grace: Option<u32>,
    ) -> anyhow::Result<()> {
        let path = Self::path(kind, namespace, &format!("/{name}"));
        let options = grace.map(|seconds| json!({ "gracePeriodSeconds": seconds }));
        let options = options.as_ref().map(|options| ("application/json", options));
        match self.call(Method::DELETE, &path, options).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Evicts a pod, as a drain of its node does.
    pub(crate) async fn evict(&self, namespace: &str, pod: &str) -> anyhow::Result<()> {
        let body = json!({
            "apiVersion": self.budgets.group.trim_start_matches("apis/"), "kind": "Eviction", "metadata": { "name": pod, "namespace": namespace },
        });
        let path = Self::path(PODS, namespace, &format!("/{pod}/eviction"));
        self.call(Method::POST, &path, Some(("application/json", &body))).await.map(drop)
    }

    /// A namespace of that name with nothing in it.
    pub(crate) async fn fresh_namespace(&self, name: &str) -> anyhow::Result<()> {
        self.remove_namespace(name).await?;
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.create(NAMESPACES, "", &object).await?;
        // Pods need its account.
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        self.until("the namespace has its account", 20, async || self.call(Method::GET, &account, None).await.is_ok())
            .await
    }

    /// Deletes a namespace and waits until it is gone.
    pub(crate) async fn remove_namespace(&self, name: &str) -> anyhow::Result<()> {
        self.delete(NAMESPACES, "", name, None).await?;
        for look in 0..180 {
            // Its controller looks again when half of the time is over that pods may take to end, or when it changes.
            let changed = json!({ "metadata": { "annotations": { "bench/look": look.to_string() } } });
            match self.merge(NAMESPACES, "", name, &changed).await {
                Err(error) if is_missing(&error) => return Ok(()),
                _ => sleep(Duration::from_secs(1)).await,
            }
        }
        bail!("the namespace {name} is not gone after three minutes")
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, seconds: u64, is_so: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while !is_so().await {
            if Instant::now() > deadline {
                bail!("not so after {seconds} s: {what}");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Whether the apiserver answered that there is no such thing.
pub(crate) fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == 404)
}
