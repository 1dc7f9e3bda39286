//! A whole town of processes on loopback: an autoscaler, activators, and pods of one workload.
//!
//! The bench plays what a cluster would be: the kubelet, which starts and ends pods as is wished, and the load
//! balancer, which knows who is ready.

mod activator;
mod autoscaler;
mod child;
mod file;
mod kubelet;
mod leaks;
mod pod;
pub(crate) mod ports;
mod routes;
mod scratch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

pub(crate) use activator::Activator;
pub(crate) use autoscaler::Autoscaler;
pub(crate) use file::{Files, Manifest};
pub(crate) use kubelet::Kubelet;
pub(crate) use routes::{Aim, Routes};
pub(crate) use scratch::Scratch;

/// The town's one workload.
pub(crate) const WORKLOAD: &str = "default/Deployment/town";
/// Its host name.
pub(crate) const HOST: &str = "town.localhost";
/// How many requests a pod takes at once.
pub(crate) const LIMIT: &str = "rouse.dev/container-concurrency";

/// How long all may take until the first request can be sent.
const START: Duration = Duration::from_secs(20);

/// Where each activator listens and tells of itself.
type Directory = Arc<Mutex<Vec<(SocketAddr, SocketAddr)>>>;

/// Where one pod is found.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) app: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) limit: u32,
}

/// How a town begins.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) manifest: Manifest,
    /// Arguments of `rouse sample`, pod by pod; the last are those of all further ones.
    pub(crate) samples: Vec<Vec<String>>,
    pub(crate) activators: usize,
}

/// A running town. All of it ends when this is dropped.
pub(crate) struct Town {
    pub(crate) files: Files,
    pub(crate) autoscaler: Autoscaler,
    pub(crate) activators: Vec<Activator>,
    pub(crate) kubelet: Arc<Kubelet>,
    pub(crate) routes: watch::Receiver<Routes>,
    listed: Directory,
    tasks: [JoinHandle<()>; 2],
    scratch: Scratch,
}

impl Town {
    /// Starts all processes and waits until the activators are ready and the wished pods are.
    pub(crate) async fn start(plan: Plan) -> anyhow::Result<Town> {
        let scratch = Scratch::new()?;
        let (files, directory) = (scratch.files(), scratch.path().to_owned());
        files.write(&plan.manifest.text(std::iter::empty()))?;
        let autoscaler = Autoscaler::start(&files, directory.clone()).await?;
        let kubelet =
            Kubelet::new(files.clone(), autoscaler.link, directory.clone(), plan.manifest.clone(), plan.samples);
        let listed = Directory::default();
        let (sender, routes) = watch::channel(Routes::default());
        let looks = routes::watch_them(autoscaler.admin, Arc::clone(&listed), Arc::clone(&kubelet), sender);
        let tasks = [tokio::spawn(Arc::clone(&kubelet).follow()), tokio::spawn(looks)];
        let mut town = Town { files, autoscaler, activators: Vec::new(), kubelet, routes, listed, tasks, scratch };
        for number in 1..=plan.activators {
            town.add_activator(&format!("activator-{number}")).await?;
        }
        town.settled().await?;
        Ok(town)
    }

    /// Starts a further activator; it is not waited for.
    pub(crate) async fn add_activator(&mut self, name: &str) -> anyhow::Result<()> {
        let activator = Activator::start(name, self.autoscaler.link, self.scratch.path()).await?;
        self.listed.lock().push((activator.listen, activator.admin));
        self.activators.push(activator);
        Ok(())
    }

    /// Takes an activator off the list that the load balancer looks at: its process is gone.
    pub(crate) fn forget(&self, listen: SocketAddr) {
        self.listed.lock().retain(|(known, _)| *known != listen);
    }

    /// Waits until every activator is ready, and as many pods as are wished for.
    pub(crate) async fn settled(&self) -> anyhow::Result<()> {
        self.settled_activators().await?;
        self.settled_pods().await
    }

    /// Waits until every activator is ready.
    pub(crate) async fn settled_activators(&self) -> anyhow::Result<()> {
        self.until("ready", || self.routes.borrow().activators.len() == self.activators.len()).await
    }

    /// Waits until as many pods are ready as are wished for, and none is on its way out.
    pub(crate) async fn settled_pods(&self) -> anyhow::Result<()> {
        let settled = || {
            let ready = self.routes.borrow().pods.len();
            self.files.wish() == Some(ready as u64)
                && self.kubelet.running().len() == ready
                && self.kubelet.draining() == 0
        };
        self.until("as wished", settled).await
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while !is_so() {
            if Instant::now() > deadline {
                let (routes, wish) = (self.routes.borrow().clone(), self.files.wish());
                bail!("not {what} after {} s: wished {wish:?}, {routes:?}\n{}", START.as_secs(), self.logs());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// The end of what each process printed.
    pub(crate) fn logs(&self) -> String {
        self.scratch.logs()
    }

    /// Takes an activator out, for its end; the load balancer still looks at it.
    pub(crate) fn take_activator(&mut self, name: &str) -> anyhow::Result<Activator> {
        let at = self.activators.iter().position(|activator| activator.name == name);
        Ok(self.activators.remove(at.with_context(|| format!("no {name}"))?))
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
