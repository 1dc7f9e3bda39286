//! Does one step.

use std::time::Duration;

use anyhow::bail;
use config::bounds;
use serde_json::{Value, json};

use super::step::{Located, Step};
use crate::install::cluster::{Cluster, ClusterError};
use crate::install::manifests::PART_OF;
use crate::install::object::resource;
use crate::install::patience::Patience;
use crate::install::{Object, Say, going, workloads};
use crate::kubernetes::names::{MANAGED_BY, ROUTE_KEY, SYSTEM_LABEL};

/// Does steps.
pub(super) struct Performer<'a> {
    pub(super) cluster: &'a Cluster,
    /// Which API has EndpointSlices.
    pub(super) slices: &'a kube::core::ApiResource,
    /// How long anything is waited for.
    pub(super) wait: Duration,
    /// Whether workloads that do not become ready are left behind.
    pub(super) force: bool,
}

impl Performer<'_> {
    pub(super) async fn perform(&self, step: &Step, say: Say<'_>) -> anyhow::Result<()> {
        match step {
            Step::Pause(workload) => self.change(workload, &workloads::paused()).await,
            Step::Raise(workload, replicas) => self.raise(workload, *replicas).await,
            Step::AwaitReady(workloads) => self.await_ready(workloads, say).await,
            Step::Stop(deployment) => self.stop(deployment, say).await,
            Step::GiveBack(service) => self.give_back(service, say).await,
            Step::AwaitServed(service, selector) => self.await_served(service, selector, say).await,
            Step::Delete(object) => Ok(self.cluster.delete(object).await?),
            Step::AwaitEnded(namespace) => self.await_ended(namespace, say).await,
            Step::AwaitGone(namespace) => self.await_gone(namespace, say).await,
            Step::Forget { workload, unpause } => self.change(workload, &workloads::forgotten(*unpause)).await,
            Step::Unlabel(namespace) => {
                self.change(namespace, &json!({ "metadata": { "labels": { SYSTEM_LABEL: null } } })).await
            }
        }
    }

    /// Changes `object`, unless somebody has deleted it.
    async fn change(&self, object: &Object, change: &Value) -> anyhow::Result<()> {
        unless_gone(self.cluster.patch(object, change).await)?;
        Ok(())
    }

    /// Never lowers: whoever has woken it meanwhile knew why.
    async fn raise(&self, workload: &Object, replicas: u32) -> anyhow::Result<()> {
        for _ in 0..bounds::UNINSTALL_SCALE_TRIES {
            let Some(scale) = self.cluster.scale(workload).await? else { return Ok(()) };
            if scale.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0) >= u64::from(replicas) {
                return Ok(());
            }
            let version = &scale["metadata"]["resourceVersion"];
            let change = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": replicas } });
            match self.cluster.patch_scale(workload, &change).await {
                Err(error) if error.code() == Some(409) => {}
                done => return Ok(unless_gone(done).map(drop)?),
            }
        }
        bail!("{}: somebody else keeps writing its replicas", Located(workload))
    }

    async fn await_ready(&self, workloads: &[(Object, u32)], say: Say<'_>) -> anyhow::Result<()> {
        let mut left: Vec<&(Object, u32)> = workloads.iter().collect();
        let mut patience = Patience::new(self.wait);
        loop {
            let mut still = Vec::new();
            for workload in left {
                if !self.is_ready(&workload.0, workload.1).await? {
                    still.push(workload);
                }
            }
            left = still;
            if left.is_empty() {
                return Ok(());
            }
            let names =
                || left.iter().map(|(workload, _)| Located(workload).to_string()).collect::<Vec<_>>().join(", ");
            if !patience.looks_again(say, || format!("{} to be ready", names())).await {
                let problem = format!("not ready after {:?}: {}", self.wait, names());
                return self.give_up(&problem, "they are left as they are", say);
            }
        }
    }

    /// It has taken too long: an error, unless it is to go on all the same.
    fn give_up(&self, problem: &str, forced: &str, say: Say<'_>) -> anyhow::Result<()> {
        if !self.force {
            bail!("{problem}; with --force {forced}");
        }
        say(&format!("warning: {problem}"));
        Ok(())
    }

    async fn is_ready(&self, workload: &Object, replicas: u32) -> Result<bool, ClusterError> {
        let Some(scale) = self.cluster.scale(workload).await? else { return Ok(true) };
        let selector = scale.pointer("/status/selector").and_then(Value::as_str).unwrap_or_default();
        Ok(self.ready_pods(workload, selector).await? >= replicas as usize)
    }

    /// Pods in the namespace of `object` that `selector` selects and that Kubernetes would send requests to.
    async fn ready_pods(&self, object: &Object, selector: &str) -> Result<usize, ClusterError> {
        if selector.is_empty() {
            return Ok(0); // a Service or a scale without one has no pods; a list without one has all
        }
        let pods = self.cluster.list(&resource("v1", "Pod"), object.namespace(), selector).await?;
        Ok(pods.iter().filter(|pod| is_ready_pod(pod)).count())
    }

    async fn stop(&self, deployment: &Object, say: Say<'_>) -> anyhow::Result<()> {
        unless_gone(self.cluster.patch_scale(deployment, &json!({ "spec": { "replicas": 0 } })).await)?;
        let pods = format!("app.kubernetes.io/name={}", deployment.name());
        let namespace = deployment.namespace().unwrap_or_default();
        match self.pods_left(namespace, &pods, say).await? {
            None => Ok(()),
            Some(_) => bail!("{}: its pods are still there after {:?}", Located(deployment), self.wait),
        }
    }

    /// Waits until no pod in `namespace` has `labels`, and names those that have after all.
    async fn pods_left(&self, namespace: &str, labels: &str, say: Say<'_>) -> Result<Option<String>, ClusterError> {
        let mut patience = Patience::new(self.wait);
        loop {
            let pods = self.cluster.list(&resource("v1", "Pod"), Some(namespace), labels).await?;
            let names: Vec<String> = pods.iter().map(|pod| format!("pod/{}", name(pod))).collect();
            if names.is_empty() {
                return Ok(None);
            }
            let names = names.join(", ");
            if !patience.looks_again(say, || format!("{names} to end")).await {
                return Ok(Some(names));
            }
        }
    }

    /// Activators end when their last request is answered.
    async fn await_ended(&self, namespace: &str, say: Say<'_>) -> anyhow::Result<()> {
        let Some(names) = self.pods_left(namespace, PART_OF, say).await? else { return Ok(()) };
        let problem = format!("not ended after {:?}: {names}, which answer what they have yet", self.wait);
        self.give_up(&problem, "they are not waited for", say)
    }

    async fn await_gone(&self, namespace: &Object, say: Say<'_>) -> anyhow::Result<()> {
        let Some(left) = going::await_gone(self.cluster, namespace, self.wait, say).await? else { return Ok(()) };
        self.give_up(&format!("{namespace} is not gone after {:?}: {left}", self.wait), "it is not waited for", say)
    }

    /// Again and again: the apiserver may ask the injector, which puts the key back, for a moment after it was told not to.
    async fn give_back(&self, service: &Object, say: Say<'_>) -> anyhow::Result<()> {
        let change = json!({ "spec": { "selector": { ROUTE_KEY: null } } });
        let mut patience = Patience::new(self.wait);
        loop {
            let Some(service_now) = unless_gone(self.cluster.patch(service, &change).await)? else { return Ok(()) };
            if service_now["spec"]["selector"][ROUTE_KEY].is_null() {
                return Ok(());
            }
            let missing = || format!("{} to stay without {ROUTE_KEY} in its selector", Located(service));
            if !patience.looks_again(say, missing).await {
                bail!("{}: somebody puts {ROUTE_KEY} back into its selector", Located(service));
            }
        }
    }

    /// A Service none of whose pods is ready has nothing to wait for.
    async fn await_served(&self, service: &Object, selector: &str, say: Say<'_>) -> anyhow::Result<()> {
        let mut patience = Patience::new(self.wait);
        loop {
            let pods = self.ready_pods(service, selector).await?;
            if pods == 0 || self.is_served(service).await? {
                return Ok(());
            }
            let missing = || format!("Kubernetes' own slices of {}", Located(service));
            if !patience.looks_again(say, missing).await {
                bail!(
                    "{}: {pods} pods are ready, and none is in Kubernetes' own slices after {:?}",
                    Located(service),
                    self.wait
                );
            }
        }
    }

    async fn is_served(&self, service: &Object) -> Result<bool, ClusterError> {
        let its = format!(
            "kubernetes.io/service-name={},endpointslice.kubernetes.io/managed-by!={MANAGED_BY}",
            service.name()
        );
        let slices = self.cluster.list(self.slices, service.namespace(), &its).await?;
        let mut endpoints = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten();
        // Unknown is ready, as Kubernetes has it.
        Ok(endpoints.any(|endpoint| endpoint["conditions"]["ready"] != false))
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_ready_pod(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    !going::is_going(pod) && conditions.is_some_and(|all| all.iter().any(is_ready))
}

/// Nothing, if what was written to is gone.
fn unless_gone(written: Result<Value, ClusterError>) -> Result<Option<Value>, ClusterError> {
    match written {
        Err(error) if error.code() == Some(404) => Ok(None),
        written => written.map(Some),
    }
}
