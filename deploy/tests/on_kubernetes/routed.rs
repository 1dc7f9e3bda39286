//! All that decides and routes on a cluster, with one activator that is linked in memory and opens its doors.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::link::{Down, Reporter, Up};
use config::{Report, bounds};
use deploy::drive::Driver;
use deploy::kubernetes::fronts::RoutedFronts;
use deploy::kubernetes::platform::{KubernetesParts, KubernetesPlatform};
use deploy::kubernetes::route::{Router, RouterParts};
use deploy::kubernetes::route_calls::RouteCalls;
use deploy::kubernetes::told::Told;
use deploy::link::{self, Heard, Hub, Identity, LinkServer};
use deploy::narrate::Narrator;
use parking_lot::Mutex;
use queue_proxy::net::MemoryNetwork;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::apiserver::Apiserver;
use crate::cluster::{hello, parts};
use crate::links;

pub(crate) const SERVICES: &str = "/api/v1/namespaces/shop/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices";

/// For how long no pod may have seen a direct request.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// Dropping it is the death of the autoscaler and of the activator.
pub(crate) struct Routed {
    pub(crate) apiserver: Apiserver,
    pub(crate) engine: Arc<Mutex<Engine>>,
    parts: KubernetesParts,
    frames: mpsc::Sender<Heard>,
    reported: u64,
    /// What the activator was told, in few words.
    said: mpsc::Receiver<String>,
    _told: mpsc::Receiver<Told>,
    _tasks: JoinSet<()>,
}

impl Routed {
    /// One that has done all there is to do at first.
    pub(crate) async fn new(apiserver: &Apiserver, kinds: &[&str]) -> Routed {
        let (mut parts, told) = parts(apiserver, kinds).await;
        let mut tasks = JoinSet::new();
        let hub = Hub::new(parts.clock, parts.clock.now().as_nanos(), bounds::SYNC_AFTER);
        let (frames, heard) = link::channel();
        let (routes, calls) = RouteCalls::channel();
        let (wakes, mut woken) = mpsc::channel(64);
        let router = Router::new(RouterParts {
            writes: parts.writes.clone(),
            slices: parts.discovered.endpoint_slices.clone(),
            hub: Arc::clone(&hub),
            teller: parts.teller.clone(),
            wakes,
            clock: parts.clock,
            settle: SETTLE,
        });
        (parts.routes, parts.router) = (routes, Some(Arc::clone(&router)));
        let start = StartAs::Zero;
        let settings =
            EngineSettings { tick_offset: Duration::from_millis(50), start, reporters: Reporters::InProcess };
        let engine = Arc::new(Mutex::new(Engine::new(settings)));
        let platform = KubernetesPlatform::new(parts.clone());
        let wakes_for_release = Arc::clone(&platform);
        tasks.spawn(async move {
            while let Some(id) = woken.recv().await {
                wakes_for_release.wake(&id).await.expect("it can be woken");
            }
        });
        let driver = Driver {
            platform,
            engine: Arc::clone(&engine),
            fronts: Arc::new(RoutedFronts { hub: Arc::clone(&hub), router: Arc::clone(&router) }),
            clock: parts.clock,
            frames: heard,
            narrator: Narrator::new(parts.wakes.clone()),
        };
        tasks.spawn(driver.run());
        tasks.spawn(Arc::clone(&router).carry_out(calls));
        tasks.spawn(router.run());
        let said = activator(&mut tasks, &hub, &parts, frames.clone());
        let apiserver = apiserver.clone();
        let routed = Routed { apiserver, engine, parts, frames, reported: 0, said, _told: told, _tasks: tasks };
        routed.wait(1.0).await;
        routed
    }

    pub(crate) async fn wait(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// What the activator was told since the last call.
    pub(crate) async fn said(&mut self) -> Vec<String> {
        self.wait(0.1).await;
        std::iter::from_fn(|| self.said.try_recv().ok()).collect()
    }

    /// The activator says that a request of `hello` waits.
    pub(crate) async fn hold(&mut self) {
        self.reported += 1;
        let to = self.parts.clock.now();
        let (from, seq) = (to - Duration::from_millis(1), self.reported);
        let (concurrency_ns, arrived, peak) = (1_000_000, 1, 1);
        let report = Report {
            seq,
            from,
            to,
            concurrency_ns,
            arrived,
            peak,
            in_flight: 1,
            waiting: 1,
            open: 1,
            ..Report::default()
        };
        let said = Up::Report { reporter: Reporter::Activator("a".into()), workload: hello(), report };
        self.frames.send(Heard::Up(said)).await.expect("the driver runs");
        self.wait(0.1).await;
    }

    /// The writes since the last call, each as method and last parts of the path; events and marks are left out.
    pub(crate) fn written(&self) -> Vec<String> {
        let of_interest =
            |path: &str| ["/services", "/endpointslices", "/scale"].iter().any(|part| path.contains(part));
        let writes = self.apiserver.writes().into_iter().filter(|asked| of_interest(&asked.path));
        let word = |path: &str| match path.strip_suffix("/scale") {
            Some(path) => format!("{}/scale", path.rsplit('/').next().unwrap_or_default()),
            None => path.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        writes.map(|asked| format!("{} {}", asked.method, word(&asked.path))).collect()
    }

    pub(crate) fn replicas(&self, path: &str) -> Value {
        self.apiserver.get(path).expect("it is there")["spec"]["replicas"].clone()
    }

    pub(crate) fn has_key(&self, service: &str) -> bool {
        let service = self.apiserver.get(&format!("{SERVICES}/{service}")).expect("it is there");
        service["spec"]["selector"]["rouse.dev/route"] == "managed"
    }

    /// Kubernetes' own slice of the Service leads to a pod.
    pub(crate) fn fill(&self, service: &str, ip: &str) {
        let labels = json!({
            "kubernetes.io/service-name": service,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        });
        let endpoints = json!([{ "addresses": [ip], "conditions": { "ready": true } }]);
        let slice = json!({ "metadata": { "labels": labels }, "addressType": "IPv4", "endpoints": endpoints });
        self.apiserver.put(&format!("{SLICES}/{service}-k8s"), slice);
    }

    /// Port and addresses of a slice; none if there is no such slice.
    pub(crate) fn leads_to(&self, slice: &str) -> Option<(u64, Vec<String>)> {
        let slice = self.apiserver.get(&format!("{SLICES}/{slice}"))?;
        let ips = slice["endpoints"].as_array().into_iter().flatten();
        let ips = ips.map(|endpoint| endpoint["addresses"][0].as_str().unwrap_or_default().to_owned());
        Some((slice["ports"][0]["port"].as_u64().unwrap_or_default(), ips.collect()))
    }

    /// The slices of ours that there are.
    pub(crate) fn ours(&self) -> Vec<Value> {
        let mut all = self.apiserver.all(SLICES);
        all.retain(|slice| slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "rouse.dev");
        all
    }
}

/// A Service that leads to the workload of its name.
pub(crate) fn service(name: &str) -> Value {
    json!({
        "metadata": { "annotations": { "rouse.dev/workload": name } },
        "spec": { "type": "ClusterIP", "clusterIP": "10.96.0.7", "selector": { "app": name },
            "ports": [{ "port": 80, "targetPort": 8080, "protocol": "TCP" }] },
    })
}

/// An activator at 10.0.0.1; what it is told.
fn activator(
    tasks: &mut JoinSet<()>,
    hub: &Arc<Hub>,
    parts: &KubernetesParts,
    frames: mpsc::Sender<Heard>,
) -> mpsc::Receiver<String> {
    let (network, clock) = (MemoryNetwork::default(), parts.clock);
    let server = LinkServer::new(Arc::clone(hub), clock, frames, None, Identity::None);
    links::serve(tasks, &network, server);
    let reporter = Reporter::Activator("a".into());
    let (link, mut down) = links::open(tasks, (&network, clock), reporter, None, [10, 0, 0, 1].into());
    let (sender, said) = mpsc::channel(1_024);
    tasks.spawn(async move {
        while let Some(frame) = down.recv().await {
            for word in words(&frame) {
                sender.send(word).await.ok();
            }
            links::open_door(&link, frame);
        }
    });
    said
}

fn words(frame: &Down) -> Vec<String> {
    match frame {
        Down::Workload { workload, .. } => vec![format!("{} is served", workload.name())],
        Down::WorkloadGone { workload } => vec![format!("{} is gone", workload.name())],
        Down::Stays { workload } => vec![format!("{} stays", workload.name())],
        Down::Synced => vec!["that is all".to_owned()],
        Down::Door { workload, port } => vec![format!("{} has door {port:?}", workload.name())],
        Down::Pods { pods, .. } => {
            let name = |pod: &config::Pod| pod.id.as_str().split('.').next().unwrap_or_default().to_owned();
            pods.iter().map(|pod| format!("{} is {:?}", name(pod), pod.state)).collect()
        }
        _ => Vec::new(),
    }
}
