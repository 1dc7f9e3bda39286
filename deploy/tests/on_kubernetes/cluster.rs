//! A platform on an apiserver in memory, and what it says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use config::{Platform, PlatformEvent, WorkloadId};
use deploy::kubernetes::discovery::Discovered;
use deploy::kubernetes::disruption::Disruptions;
use deploy::kubernetes::platform::{KubernetesParts, KubernetesPlatform};
use deploy::kubernetes::route_calls::RouteCalls;
use deploy::kubernetes::told::{About, Teller, Told};
use deploy::kubernetes::writes::Writes;
use deploy::triggers::Counted;
use deploy::wakes::Wakes;
use futures_util::StreamExt;
use queue_proxy::Clock;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::apiserver::{Apiserver, Asked};

pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
pub(crate) const STATEFUL_SETS: &str = "/apis/apps/v1/namespaces/shop/statefulsets";
pub(crate) const PODS: &str = "/api/v1/namespaces/shop/pods";
pub(crate) const HELLO: &str = "/apis/apps/v1/namespaces/shop/deployments/hello";
pub(crate) const CONFIG: &str = "/api/v1/namespaces/rouse-system/configmaps/config-autoscaler";

/// A platform, as its driver has it.
pub(crate) struct Cluster {
    pub(crate) apiserver: Apiserver,
    pub(crate) parts: KubernetesParts,
    pub(crate) platform: Arc<KubernetesPlatform>,
    events: mpsc::Receiver<PlatformEvent>,
    /// Events that were not asked for yet.
    pending: VecDeque<PlatformEvent>,
    pub(crate) told: mpsc::Receiver<Told>,
    _tasks: JoinSet<()>,
}

/// The platform's parts on this apiserver, and what it tells.
pub(crate) async fn parts(apiserver: &Apiserver, kinds: &[&str]) -> (KubernetesParts, mpsc::Receiver<Told>) {
    let writes = Writes::new(apiserver.client(), 50.0, 100);
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.parse().expect("a kind")).collect();
    let discovered = Arc::new(Discovered::read(writes.client(), &kinds).await.expect("it serves enough"));
    let (routes, _) = RouteCalls::channel();
    let (teller, told) = Teller::channel();
    let disruptions = Arc::new(Disruptions::new(writes.clone(), discovered.disruption_budgets.clone()));
    let namespace = "rouse-system".to_owned();
    (
        KubernetesParts {
            writes,
            discovered,
            namespace,
            clock: Clock::wall(),
            routes,
            router: None,
            knative: watch::Sender::default(),
            disruptions,
            teller,
            wakes: Wakes::default(),
            counted: Counted::default(),
        },
        told,
    )
}

impl Cluster {
    /// A platform that has seen all that is on the apiserver.
    pub(crate) async fn new(apiserver: Apiserver) -> Cluster {
        Cluster::with_kinds(apiserver, &[]).await
    }

    pub(crate) async fn with_kinds(apiserver: Apiserver, kinds: &[&str]) -> Cluster {
        let (parts, told) = parts(&apiserver, kinds).await;
        let platform = KubernetesPlatform::new(parts.clone());
        let mut stream = platform.events();
        let (sender, events) = mpsc::channel(1_024);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(event) = stream.next().await {
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        let pending = VecDeque::new();
        let mut cluster = Cluster { apiserver, parts, platform, events, pending, told, _tasks: tasks };
        cluster.settle().await;
        cluster
    }

    /// Lets everything happen that takes no time to speak of.
    pub(crate) async fn settle(&mut self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        while let Ok(event) = self.events.try_recv() {
            self.pending.push_back(event);
        }
    }

    pub(crate) async fn wait(&mut self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        self.settle().await;
    }

    /// What the platform has said since the last call, in few words.
    pub(crate) async fn said(&mut self) -> Vec<String> {
        self.settle().await;
        self.pending.drain(..).map(|event| words(&event)).collect()
    }

    /// The platform's events since the last call.
    pub(crate) async fn events(&mut self) -> Vec<PlatformEvent> {
        self.settle().await;
        self.pending.drain(..).collect()
    }

    /// What was told of objects since the last call: of which, the reason, the message.
    pub(crate) async fn told(&mut self) -> Vec<(String, &'static str, String)> {
        self.settle().await;
        let told = std::iter::from_fn(|| self.told.try_recv().ok());
        told.map(|told| {
            let about = match told.about {
                About::Workload(id) => id.to_string(),
                About::Object(object) => format!("{} {}", object.kind, object.name),
            };
            (about, told.reason, told.message)
        })
        .collect()
    }

    /// The writes of scale since the last call; others are left out.
    pub(crate) fn scales(&self) -> Vec<(String, Value)> {
        let scales = self.apiserver.writes().into_iter().filter(|asked| asked.path.ends_with("/scale"));
        scales.map(|Asked { path, body, .. }| (path, body)).collect()
    }
}

fn words(event: &PlatformEvent) -> String {
    match event {
        PlatformEvent::Workload(workload, pods) => format!("{} has {pods}", workload.id.name()),
        PlatformEvent::Adopted(workload, pods) => format!("{} is adopted with {pods}", workload.id.name()),
        PlatformEvent::WorkloadGone(id) => format!("{} is gone", id.name()),
        PlatformEvent::Pod(pod) => {
            let name = pod.id.as_str().split('.').next().unwrap_or_default();
            format!("{name} of {} is {:?} at {}", pod.workload.name(), pod.state, pod.address)
        }
        PlatformEvent::Failure(id, failure) => {
            format!("{} fails: {}", id.name(), failure.as_ref().map_or("no more", |failure| failure.word()))
        }
    }
}

pub(crate) fn hello() -> WorkloadId {
    "shop/hello".parse().expect("a name")
}

/// A workload with both labels that selects pods with `app=NAME`.
pub(crate) fn workload(name: &str, replicas: u32) -> Value {
    json!({
        "metadata": { "labels": { "app": name, "rouse.dev/scale": "true" }, "annotations": {}, "generation": 1 },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "creationTimestamp": null, "labels": { "app": name, "rouse.dev/inject": "true" } },
                "spec": { "containers": [{ "name": "app", "image": "app", "ports": [{ "containerPort": 8080 }] }] },
            },
        },
        "status": {},
    })
}

/// The same, with what Rouse writes on those that it knows.
pub(crate) fn known(name: &str, replicas: u32) -> Value {
    let mut workload = workload(name, replicas);
    workload["metadata"]["annotations"] =
        json!({ "rouse.dev/original-replicas": "1", "rouse.dev/initialized": "true" });
    workload
}

/// An injected pod of the workload: pending, or ready at `address`.
pub(crate) fn pod(app: &str, address: Option<&str>) -> Value {
    let status = match address {
        None => json!({ "phase": "Pending" }),
        Some(address) => json!({
            "phase": "Running", "podIP": address, "conditions": [{ "type": "Ready", "status": "True" }],
        }),
    };
    json!({
        "metadata": {
            "labels": { "app": app, "rouse.dev/inject": "true" }, "creationTimestamp": "2026-01-02T03:04:05Z",
            "ownerReferences": [
                { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-7d4"), "uid": "r", "controller": true },
            ],
        },
        "spec": { "containers": [
            { "name": "app", "ports": [{ "containerPort": 8080 }] },
            { "name": "queue-proxy", "ports": [{ "name": "rouse-queue", "containerPort": 8012 }] },
        ] },
        "status": status,
    })
}
