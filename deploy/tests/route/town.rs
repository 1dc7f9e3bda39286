//! A router on a cluster in memory, with activators and pods that are linked in memory.

use std::sync::Arc;
use std::time::Duration;

use config::link::Reporter;
use config::{Pod, PodId, PodState, Policy, Report, Serving, Workload, WorkloadId, bounds};
use deploy::fronts::Fronts;
use deploy::kubernetes::route::{Router, RouterParts};
use deploy::kubernetes::told::{About, Teller, Told};
use deploy::kubernetes::writes::Writes;
use deploy::link::{self, Hub, Identity, LinkServer};
use queue_proxy::Clock;
use queue_proxy::link::Link;
use queue_proxy::net::MemoryNetwork;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::links;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// For how long no pod may have seen a direct request.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// Dropping it ends everything.
pub(crate) struct Town {
    pub(crate) cluster: Cluster,
    pub(crate) clock: Clock,
    network: MemoryNetwork,
    autoscaler: Autoscaler,
    workloads: Vec<WorkloadId>,
    pods: Vec<Pod>,
}

struct Autoscaler {
    hub: Arc<Hub>,
    router: Arc<Router>,
    told: mpsc::Receiver<Told>,
    wakes: mpsc::Receiver<WorkloadId>,
    _tasks: JoinSet<()>,
}

/// An activator or a pod. Dropping it is its death.
pub(crate) struct Linked {
    pub(crate) link: Link,
    _tasks: JoinSet<()>,
}

pub(crate) fn id(name: &str) -> WorkloadId {
    name.parse().expect("a name")
}

fn workload(id: &WorkloadId) -> Arc<Workload> {
    let policy = Policy { progress_deadline: 120 * SECOND, ..Policy::default() };
    Arc::new(Workload { id: id.clone(), policy, serving: Serving::default(), hosts: Vec::new() })
}

impl Town {
    /// One in which these workloads are there.
    pub(crate) fn start(cluster: Cluster, workloads: &[&str]) -> Town {
        let (clock, network) = (Clock::start(), MemoryNetwork::default());
        let autoscaler = Autoscaler::start(&cluster, clock, &network, 1);
        let mut town = Town { cluster, clock, network, autoscaler, workloads: Vec::new(), pods: Vec::new() };
        workloads.iter().for_each(|name| town.add(name));
        town.router().platform_is_complete();
        town
    }

    /// The autoscaler is killed, and another one begins.
    pub(crate) async fn restart(&mut self) {
        self.autoscaler._tasks.shutdown().await;
        self.autoscaler = Autoscaler::start(&self.cluster, self.clock, &self.network, 2);
        for workload in self.workloads.iter().map(workload) {
            self.hub().workload(&workload);
            self.router().workload(&workload);
        }
        for pod in &self.pods {
            self.hub().pod(self.clock.now(), pod.clone());
        }
        self.router().platform_is_complete();
    }

    pub(crate) fn router(&self) -> &Arc<Router> {
        &self.autoscaler.router
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.autoscaler.hub
    }

    pub(crate) fn add(&mut self, name: &str) {
        let workload = workload(&id(name));
        self.hub().workload(&workload);
        self.router().workload(&workload);
        self.workloads.push(workload.id.clone());
    }

    /// The autoscaler is killed, and another one begins that sees the workload and can tell nothing more of it.
    pub(crate) async fn restart_without_knowing(&mut self, name: &str) {
        self.workloads.retain(|workload| *workload != id(name));
        self.restart().await;
        self.router().exists(&id(name));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.hub().workload_gone(&id(name));
        self.router().workload_gone(&id(name));
        self.workloads.retain(|workload| *workload != id(name));
    }

    /// What was told of objects since the last call, in short: `NoWorkload hello`.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.autoscaler.told.try_recv().ok());
        told.map(|told| match told.about {
            About::Object(object) => format!("{} {}", told.reason, object.name),
            About::Workload(id) => panic!("of {id}"),
        })
        .collect()
    }

    /// The workloads that need a pod, as far as was said since the last call.
    pub(crate) fn wakes(&mut self) -> Vec<WorkloadId> {
        std::iter::from_fn(|| self.autoscaler.wakes.try_recv().ok()).collect()
    }

    /// An activator that opens the doors that it is told to, if it does.
    pub(crate) fn activator(&self, name: &str, ip: [u8; 4], opens: bool) -> Linked {
        let mut tasks = JoinSet::new();
        let reporter = Reporter::Activator(name.into());
        let (link, mut down) = links::open(&mut tasks, (&self.network, self.clock), reporter, None, ip.into());
        let answers = link.clone();
        tasks.spawn(async move {
            while let Some(told) = down.recv().await {
                if opens {
                    links::open_door(&answers, told);
                }
            }
        });
        Linked { link, _tasks: tasks }
    }

    /// A pod of a workload that is ready.
    pub(crate) fn pod(&mut self, workload: &str, name: &str, ip: [u8; 4]) -> Linked {
        let (pod_id, workload) = (PodId::new(name), id(workload));
        let pod = Pod {
            id: pod_id.clone(),
            workload: workload.clone(),
            address: (ip, 8012).into(),
            state: PodState::Starting,
            has_queue_proxy: true,
            created: self.clock.now(),
        };
        self.hub().pod(self.clock.now(), pod.clone());
        self.pods.push(pod);
        let mut tasks = JoinSet::new();
        let (reporter, here) = (Reporter::Pod(pod_id), (&self.network, self.clock));
        let (link, mut down) = links::open(&mut tasks, here, reporter, Some(workload), ip.into());
        tasks.spawn(async move { while down.recv().await.is_some() {} });
        link.state(PodState::Ready);
        Linked { link, _tasks: tasks }
    }

    /// `count` ready pods whose addresses end in numbers.
    pub(crate) fn many_pods(&mut self, workload: &str, count: usize) -> Vec<Linked> {
        let ip = |number: usize| [10, 1, (number / 256) as u8, (number % 256) as u8];
        (0..count).map(|number| self.pod(workload, &format!("{workload}-{number}"), ip(number))).collect()
    }

    /// The platform says that a pod is on its way out, or gone.
    pub(crate) fn set_pod(&mut self, name: &str, state: PodState) {
        let pod = self.pods.iter().find(|pod| pod.id.as_str() == name).expect("it was there");
        self.hub().pod(self.clock.now(), Pod { state, ..pod.clone() });
        if state == PodState::Gone {
            self.pods.retain(|pod| pod.id.as_str() != name);
        }
    }
}

impl Linked {
    /// The pod saw requests that came past the activators.
    pub(crate) fn sees_direct(&self, workload: &str, clock: Clock) {
        let now = clock.now();
        self.link.report(&id(workload), Report { from: now, to: now, arrived: 1, direct: 1, ..Report::default() });
    }
}

impl Autoscaler {
    fn start(cluster: &Cluster, clock: Clock, network: &MemoryNetwork, incarnation: u64) -> Autoscaler {
        let hub = Hub::new(clock, incarnation, bounds::SYNC_AFTER);
        let (sender, mut heard) = link::channel();
        let server = LinkServer::new(Arc::clone(&hub), clock, sender, None, Identity::None);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { while heard.recv().await.is_some() {} });
        links::serve(&mut tasks, network, server);
        let (teller, told) = Teller::channel();
        let (waker, wakes) = mpsc::channel(64);
        let router = Router::new(RouterParts {
            writes: Writes::new(cluster.client(), bounds::KUBE_API_QPS, bounds::KUBE_API_BURST),
            slices: cluster.kind(),
            hub: Arc::clone(&hub),
            teller,
            wakes: waker,
            clock,
            settle: SETTLE,
        });
        tasks.spawn(Arc::clone(&router).run());
        Autoscaler { hub, router, told, wakes, _tasks: tasks }
    }
}

/// Long enough for everybody to say and do what there is to say and do.
pub(crate) async fn a_moment() {
    sleep(SECOND / 5).await;
}
