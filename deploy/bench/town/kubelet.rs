//! Starts and ends pods as is wished, and keeps the platform's file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Addresses;
use super::file::{Files, Manifest};
use super::pod::{Pod, Seen};

/// Between two looks at the wishes.
const LOOK: Duration = Duration::from_millis(20);

/// How often a pod of the same workload that died is started again, at most.
const RESTART: Duration = Duration::from_millis(500);

/// The pods of the town.
pub(crate) struct Kubelet {
    files: Files,
    link: std::net::SocketAddr,
    directory: PathBuf,
    /// Arguments of `rouse sample`, pod by pod; the last are those of all further ones.
    samples: Vec<Vec<String>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    manifest: Manifest,
    running: Vec<Pod>,
    /// Pods on their way out, still in the file.
    draining: Vec<Addresses>,
    started: usize,
    written: String,
    /// Pods to end, whatever is wished.
    roll: Vec<String>,
    highest_limit: u32,
    record: Record,
}

/// What the pods that are gone did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The requests that apps saw which ended in order.
    pub(crate) ids: Vec<u64>,
    /// Apps that had more in flight than allowed.
    pub(crate) above: u64,
    /// Pods that ended in order.
    pub(crate) drained: usize,
    /// What went wrong.
    pub(crate) problems: Vec<String>,
}

impl Kubelet {
    pub(super) fn new(
        files: Files,
        link: std::net::SocketAddr,
        directory: PathBuf,
        manifest: Manifest,
        samples: Vec<Vec<String>>,
    ) -> Arc<Kubelet> {
        let state = Mutex::new(State { highest_limit: manifest.limit(), manifest, ..State::default() });
        Arc::new(Kubelet { files, link, directory, samples, state })
    }

    /// Pods that run and are not told to end.
    pub(crate) fn running(&self) -> Vec<Addresses> {
        self.state.lock().running.iter().map(Pod::addresses).collect()
    }

    /// Pods that were told to end and have not yet.
    pub(crate) fn draining(&self) -> usize {
        self.state.lock().draining.len()
    }

    /// What the pods that are gone did.
    pub(crate) fn record(&self) -> Record {
        self.state.lock().record.clone()
    }

    /// Changes what is declared; the file follows.
    pub(crate) fn edit(&self, key: &'static str, value: &str) {
        let mut state = self.state.lock();
        state.manifest.set(key, value);
        state.highest_limit = state.highest_limit.max(state.manifest.limit());
    }

    /// The highest limit that pods ever had: none may ever have had more in flight.
    pub(crate) fn highest_limit(&self) -> u32 {
        self.state.lock().highest_limit
    }

    /// Kills a pod without notice; another is started in its place. Says which, when it is gone.
    pub(crate) async fn kill_one(&self) -> anyhow::Result<Addresses> {
        let newest = self.state.lock().running.pop();
        let mut pod = newest.context("no pod to kill")?;
        pod.kill().await?;
        Ok(pod.addresses())
    }

    /// Ends every pod that runs now in order, each as soon as one more than is wished runs in its stead.
    pub(crate) fn roll(&self) {
        let mut state = self.state.lock();
        state.roll = state.running.iter().map(|pod| pod.name.clone()).collect();
    }

    /// Whether nothing is left to roll.
    pub(crate) fn rolled(&self) -> bool {
        let state = self.state.lock();
        state.roll.is_empty() && state.draining.is_empty()
    }

    /// Writes the file as it is now.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let mut state = self.state.lock();
        let running: Vec<Addresses> = state.running.iter().map(Pod::addresses).collect();
        let text = state.manifest.text(running.iter().chain(&state.draining));
        if text != state.written {
            self.files.write(&text)?;
            state.written = text;
        }
        Ok(())
    }

    /// Follows the wishes until dropped.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut drains = JoinSet::new();
        let mut restart_at = Instant::now();
        loop {
            if let Err(error) = self.turn(&mut drains, &mut restart_at).await {
                self.state.lock().record.problems.push(format!("{error:#}"));
            }
            while drains.try_join_next().is_some() {}
            sleep(LOOK).await;
        }
    }

    async fn turn(self: &Arc<Self>, drains: &mut JoinSet<()>, restart_at: &mut Instant) -> anyhow::Result<()> {
        if self.bury() {
            *restart_at = Instant::now() + RESTART;
        }
        self.write()?;
        let Some(wish) = self.files.wish() else { return Ok(()) };
        // While pods are rolled, one more than wished runs, so that none is missing.
        let (have, rolling) = {
            let state = self.state.lock();
            (state.running.len() as u64, u64::from(!state.roll.is_empty() && wish > 0))
        };
        if have < wish + rolling && Instant::now() >= *restart_at {
            self.start_one().await?;
        } else if have > wish || (rolling == 1 && self.newest_is_ready().await) {
            self.drain_one(drains);
        }
        self.write()
    }

    /// Forgets pods that died by themselves or were killed. Whether there were any.
    fn bury(&self) -> bool {
        let mut state = self.state.lock();
        let before = state.running.len();
        state.running.retain_mut(Pod::runs);
        let names: Vec<String> = state.running.iter().map(|pod| pod.name.clone()).collect();
        state.roll.retain(|name| names.contains(name));
        state.running.len() < before
    }

    async fn start_one(&self) -> anyhow::Result<()> {
        let (number, limit) = {
            let mut state = self.state.lock();
            state.started += 1;
            (state.started, state.manifest.limit())
        };
        let nothing = Vec::new();
        let sample = self.samples.get(number - 1).or(self.samples.last()).unwrap_or(&nothing);
        let pod = Pod::start(&format!("pod-{number}"), limit, sample, self.link, &self.directory).await?;
        self.state.lock().running.push(pod);
        Ok(())
    }

    async fn newest_is_ready(&self) -> bool {
        let newest = self.running().pop();
        match newest {
            Some(pod) => super::routes::pod_is_ready(pod.address).await,
            None => false,
        }
    }

    /// Tells one to end: one that is to be rolled, else the newest.
    fn drain_one(self: &Arc<Self>, drains: &mut JoinSet<()>) {
        let mut state = self.state.lock();
        let oldest = state.roll.first().cloned();
        let at = oldest.and_then(|name| state.running.iter().position(|pod| pod.name == name));
        let Some(at) = at.or(state.running.len().checked_sub(1)) else { return };
        let mut pod = state.running.remove(at);
        state.roll.retain(|name| *name != pod.name);
        state.draining.push(pod.addresses());
        drop(state);
        let kubelet = Arc::clone(self);
        drains.spawn(async move {
            let ended = pod.drain().await;
            let mut state = kubelet.state.lock();
            state.draining.retain(|other| other.name != pod.name);
            match ended {
                Ok(seen) => {
                    let limit = state.highest_limit;
                    state.record.add(limit, seen);
                }
                Err(error) => state.record.problems.push(format!("{error:#}")),
            }
        });
    }
}

impl Record {
    fn add(&mut self, limit: u32, seen: Seen) {
        self.drained += 1;
        self.above += u64::from(seen.is_above(limit));
        self.ids.extend(seen.ids);
    }
}
