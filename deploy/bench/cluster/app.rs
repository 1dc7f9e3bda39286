//! The workload that each scenario tries things with: `rouse sample` and a Service.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::api::{Api, DEPLOYMENTS, Kind, PODS, SERVICES, STATEFUL_SETS};
use crate::town::Routes;

/// The image with `rouse` and `queue-proxy` in it.
pub(crate) const IMAGE: &str = "rouse:e2e";

/// One workload with a Service.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) api: Api,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    annotations: Vec<(String, String)>,
    replicas: u32,
    /// Arguments of `rouse sample`.
    args: Vec<String>,
    /// Changes the template without meaning.
    generation: u32,
    managed: bool,
}

/// A pod, as far as a scenario looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) is_ready: bool,
    pub(crate) is_ending: bool,
}

impl App {
    pub(crate) fn new(api: &Api, namespace: &str, name: &str) -> App {
        App {
            api: api.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kind: DEPLOYMENTS,
            annotations: vec![("rouse.dev/ignore-paths".to_owned(), "/stats, /ids".to_owned())],
            replicas: 0,
            args: Vec::new(),
            generation: 0,
            managed: true,
        }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> App {
        let key = if key.contains('/') { key.to_owned() } else { format!("autoscaling.knative.dev/{key}") };
        self.annotations.push((key, value.to_owned()));
        self
    }

    pub(crate) fn replicas(self, replicas: u32) -> App {
        App { replicas, ..self }
    }

    pub(crate) fn args(mut self, args: &[&str]) -> App {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self
    }

    pub(crate) fn stateful(self) -> App {
        App { kind: STATEFUL_SETS, ..self }
    }

    /// A plain Deployment and Service, of which Rouse knows nothing.
    pub(crate) fn unmanaged(self) -> App {
        App { managed: false, ..self }
    }

    fn labels(&self) -> Value {
        let mut labels = json!({ "app": self.name });
        if self.managed {
            labels["rouse.dev/inject"] = json!("true");
        }
        labels
    }

    /// The workload's manifest.
    pub(crate) fn workload(&self) -> Value {
        let words = ["sample", "--address", "0.0.0.0", "--name", &self.name];
        let mut args: Vec<String> = words.map(str::to_owned).to_vec();
        args.extend(self.args.iter().cloned());
        let mut metadata = json!({ "name": self.name, "namespace": self.namespace });
        if self.managed {
            metadata["labels"] = json!({ "rouse.dev/scale": "true" });
            metadata["annotations"] = self.annotations.iter().cloned().collect();
        }
        let is_set = self.kind.plural == STATEFUL_SETS.plural;
        let mut spec = json!({
            "replicas": self.replicas,
            "selector": { "matchLabels": { "app": self.name } },
            "template": {
                "metadata": { "labels": self.labels(), "annotations": { "bench/generation": self.generation.to_string() } },
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    // Else each container has seven variables for every Service of its namespace: among 2,000 it starts a second later.
                    "enableServiceLinks": false,
                    "containers": [{
                        "name": "app",
                        "image": IMAGE,
                        "command": ["rouse"],
                        "args": args,
                        "env": [{ "name": "PORT", "value": "8080" }],
                        "ports": [{ "containerPort": 8080 }],
                        "readinessProbe": { "tcpSocket": { "port": 8080 }, "periodSeconds": 1 },
                    }],
                },
            },
        });
        if is_set {
            spec["serviceName"] = json!(self.name);
        }
        let kind = if is_set { "StatefulSet" } else { "Deployment" };
        json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec })
    }

    /// The Service's manifest.
    pub(crate) fn service(&self) -> Value {
        let mut metadata = json!({ "name": self.name, "namespace": self.namespace });
        if self.managed {
            let kind = if self.kind.plural == STATEFUL_SETS.plural { "StatefulSet/" } else { "" };
            metadata["annotations"] = json!({ "rouse.dev/workload": format!("{kind}{}", self.name) });
        }
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": { "selector": { "app": self.name }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] },
        })
    }

    /// Creates both.
    pub(crate) async fn create(&self) -> anyhow::Result<()> {
        self.api.create(self.kind, &self.namespace, &self.workload()).await?;
        self.api.create(SERVICES, &self.namespace, &self.service()).await.map(drop)
    }

    /// Creates both and waits until a request to the Service would reach an activator or a pod.
    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        self.create().await?;
        self.api.until(&format!("{} has a route", self.name), 30, async || !self.endpoints().await.is_empty()).await?;
        self.reachable().await
    }

    /// Waits until the node's proxy has taken in the Service: before, it refuses connections.
    pub(crate) async fn reachable(&self) -> anyhow::Result<()> {
        let address = self.address().await?;
        let accepts = async || TcpStream::connect(address).await.is_ok();
        self.api.until(&format!("{} can be reached", self.name), 30, accepts).await
    }

    /// Deletes both.
    pub(crate) async fn remove(&self) -> anyhow::Result<()> {
        self.api.delete(SERVICES, &self.namespace, &self.name, None).await?;
        self.api.delete(self.kind, &self.namespace, &self.name, None).await
    }

    /// Changes the template, so that all pods are replaced.
    pub(crate) async fn roll(&mut self) -> anyhow::Result<()> {
        self.generation += 1;
        let generation = self.generation.to_string();
        let patch =
            json!({ "spec": { "template": { "metadata": { "annotations": { "bench/generation": generation } } } } });
        self.api.merge(self.kind, &self.namespace, &self.name, &patch).await.map(drop)
    }

    /// Sets an annotation of the workload, or takes it off.
    pub(crate) async fn annotate(&self, key: &str, value: Option<&str>) -> anyhow::Result<()> {
        let patch = json!({ "metadata": { "annotations": { key: value } } });
        self.api.merge(self.kind, &self.namespace, &self.name, &patch).await.map(drop)
    }

    /// Where clients reach the Service.
    pub(crate) async fn address(&self) -> anyhow::Result<SocketAddr> {
        let service = self.api.get(SERVICES, &self.namespace, &self.name).await?;
        let ip = service["spec"]["clusterIP"].as_str().context("no cluster IP")?;
        Ok(SocketAddr::new(ip.parse()?, 80))
    }

    /// The Service as the only target of clients.
    pub(crate) async fn routes(&self) -> anyhow::Result<watch::Receiver<Routes>> {
        let routes = Routes { activators: vec![self.address().await?], ..Routes::default() };
        Ok(watch::channel(routes).1)
    }

    /// How many pods the workload is to have.
    pub(crate) async fn wished(&self) -> anyhow::Result<u64> {
        let workload = self.api.get(self.kind, &self.namespace, &self.name).await?;
        Ok(workload["spec"]["replicas"].as_u64().unwrap_or(0))
    }

    /// All pods that there are.
    pub(crate) async fn pods(&self) -> anyhow::Result<Vec<Seen>> {
        let pods = self.api.list(PODS, &self.namespace, &format!("app={}", self.name)).await?;
        Ok(pods.iter().map(seen).collect())
    }

    /// Pods that are ready and stay.
    pub(crate) async fn ready(&self) -> anyhow::Result<Vec<Seen>> {
        let mut pods = self.pods().await?;
        pods.retain(|pod| pod.is_ready && !pod.is_ending);
        Ok(pods)
    }

    /// Waits until there are so many ready pods, and no others.
    pub(crate) async fn until_ready(&self, count: usize, seconds: u64) -> anyhow::Result<()> {
        let is_so = async || {
            let Ok(pods) = self.pods().await else { return false };
            pods.len() == count && pods.iter().all(|pod| pod.is_ready && !pod.is_ending)
        };
        let what = format!("{} has {count} ready pods", self.name);
        self.api.until(&what, seconds, is_so).await
    }

    /// All addresses in the slices that Rouse made for the Service.
    pub(crate) async fn endpoints(&self) -> Vec<SocketAddr> {
        let selector = format!("kubernetes.io/service-name={}", self.name);
        let slices = self.api.list(self.api.slices(), &self.namespace, &selector).await.unwrap_or_default();
        let ours = slices.iter().filter(|slice| is_ours(slice));
        ours.flat_map(addresses).collect()
    }
}

/// Whether a slice is Rouse's.
pub(crate) fn is_ours(slice: &Value) -> bool {
    slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "rouse.dev"
}

/// The addresses in one slice.
pub(crate) fn addresses(slice: &Value) -> Vec<SocketAddr> {
    let port = slice["ports"][0]["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let endpoints = slice["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ips = endpoints.iter().flat_map(|endpoint| endpoint["addresses"].as_array().cloned().unwrap_or_default());
    let ips = ips.filter_map(|ip| ip.as_str()?.parse::<IpAddr>().ok());
    port.map_or_else(Vec::new, |port| ips.map(|ip| SocketAddr::new(ip, port)).collect())
}

fn seen(pod: &Value) -> Seen {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    Seen {
        name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        ip: pod["status"]["podIP"].as_str().and_then(|ip| ip.parse().ok()),
        is_ready: conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"),
        is_ending: pod["metadata"]["deletionTimestamp"].is_string(),
    }
}
