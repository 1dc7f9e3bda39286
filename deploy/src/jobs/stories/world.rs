//! Keepers with a source and pods that do as the test says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use config::keda::ScaledJob;
use config::manifest::{DeclaredJob, Given, Template};
use config::{Failure, PodId};
use parking_lot::Mutex;
use queue_proxy::Clock;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::fleet::{Ended, Running};
use crate::jobs::keepers::Keepers;
use crate::jobs::launch::{Launch, Work};
use crate::jobs::plan::Plan;
use crate::jobs::told::{JobNow, JobsNow};
use crate::triggers::Opened;
use crate::triggers::said::{Says, source};

/// How long pods may take to end.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What pods that start from now on do, and what pods there are.
#[derive(Clone)]
pub(super) struct Pods(Arc<Mutex<Machine>>);

struct Machine {
    life: Duration,
    success: bool,
    /// Whether pods ignore that they are told to end.
    stubborn: bool,
    alive: BTreeSet<PodId>,
    /// When each began, in seconds after the world did.
    begun: Vec<u64>,
    origin: Instant,
}

/// A pod: it ends when its life is over, or when it is told to.
pub(super) struct Pod {
    id: PodId,
    over: Instant,
    success: bool,
    stubborn: bool,
    told: CancellationToken,
    machine: Arc<Mutex<Machine>>,
}

impl Launch for Pods {
    type Running = Pod;

    fn launch(&self, pod: &PodId, _: &Work) -> Result<Pod, Failure> {
        let mut machine = self.0.lock();
        let seconds = (Instant::now() - machine.origin).as_secs();
        machine.begun.push(seconds);
        machine.alive.insert(pod.clone());
        Ok(Pod {
            id: pod.clone(),
            over: Instant::now() + machine.life,
            success: machine.success,
            stubborn: machine.stubborn,
            told: CancellationToken::new(),
            machine: Arc::clone(&self.0),
        })
    }
}

impl Running for Pod {
    async fn ended(&mut self) -> Ended {
        tokio::select! {
            () = sleep_until(self.over) => Ended::Exited { success: self.success, detail: "exit code 1: no".to_owned() },
            () = self.told.cancelled(), if !self.stubborn => {
                Ended::Exited { success: false, detail: "exit code 143 (signal 15)".to_owned() }
            }
        }
    }

    fn terminate(&self) {
        self.told.cancel();
    }

    async fn kill(self) {}
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.machine.lock().alive.remove(&self.id);
    }
}

impl Pods {
    pub(super) fn live(&self, seconds: u64) {
        self.0.lock().life = Duration::from_secs(seconds);
    }

    pub(super) fn fail(&self, fail: bool) {
        self.0.lock().success = !fail;
    }

    pub(super) fn stubborn(&self) {
        self.0.lock().stubborn = true;
    }

    pub(super) fn alive(&self) -> usize {
        self.0.lock().alive.len()
    }

    /// When each of those that ever began did.
    pub(super) fn begun(&self) -> Vec<u64> {
        self.0.lock().begun.clone()
    }

    /// How many began so far.
    pub(super) fn count(&self) -> usize {
        self.0.lock().begun.len()
    }
}

/// ScaledJobs, and a machine.
pub(super) struct World {
    pub(super) keepers: Keepers<Pods>,
    pub(super) pods: Pods,
    clock: Clock,
}

impl World {
    pub(super) fn new() -> World {
        let machine = Machine {
            life: Duration::from_secs(15),
            success: true,
            stubborn: false,
            alive: BTreeSet::new(),
            begun: Vec::new(),
            origin: Instant::now(),
        };
        let (pods, clock) = (Pods(Arc::new(Mutex::new(machine))), Clock::start());
        World { keepers: Keepers::new(pods.clone(), clock), pods, clock }
    }

    /// One ScaledJob, `worker`, is served: a Job an item, polled every ten seconds, with this in its spec.
    pub(super) fn serve(&mut self, spec: &Value) -> Says {
        self.serve_with(spec, false)
    }

    pub(super) fn serve_with(&mut self, spec: &Value, paused: bool) -> Says {
        let (plan, says) = plan(spec, paused);
        self.keepers.set(vec![plan]);
        says
    }

    pub(super) fn told(&self) -> JobsNow {
        self.keepers.told().all(self.clock.now()).pop().expect("it is served")
    }

    pub(super) fn jobs(&self, state: &str) -> Vec<JobNow> {
        self.told().jobs.into_iter().filter(|job| job.state == state).collect()
    }
}

pub(super) async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn plan(spec: &Value, paused: bool) -> (Plan, Says) {
    let mut object = json!({
        "metadata": { "name": "worker", "namespace": "default" },
        "spec": {
            "jobTargetRef": { "template": { "spec": { "containers": [{ "command": ["work"] }] } } },
            "pollingInterval": 10, "maxReplicaCount": 10,
            "triggers": [{ "type": "redis", "metadata": { "listName": "jobs", "address": "127.0.0.1:1" } }],
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        match object["spec"][key].as_object_mut() {
            Some(there) => there.extend(value.as_object().cloned().unwrap_or_default()),
            None => object["spec"][key] = value.clone(),
        }
    }
    if paused {
        object["metadata"]["annotations"] = json!({ "autoscaling.keda.sh/paused": "true" });
    }
    let (job, _) = ScaledJob::on_cluster(&object).expect("a ScaledJob");
    let (source, says) = source("worker", 0.0);
    let trigger = job.triggers[0].clone();
    let template = Template { command: vec!["work".to_owned()], ..Template::default() };
    let place = ("a.yaml".to_owned(), "ScaledJob default/worker".to_owned());
    let declared = DeclaredJob { job: job.clone(), template, termination_grace: GRACE, given: Given::default(), place };
    let work = Arc::new(Work::of(&declared));
    (
        Plan {
            name: declared.place.1,
            job,
            work,
            triggers: vec![Opened {
                trigger,
                target: 1.0,
                source,
                metric: None,
                labels: "scaledObject=\"worker\"".to_owned(),
                warnings: vec![],
            }],
        },
        says,
    )
}
