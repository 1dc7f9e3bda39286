//! Rouse's own processes in the cluster: who leads, what they say of themselves, and how to kill them.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::api::{Api, DEPLOYMENTS, LEASES, PODS};
use crate::scrape::{Scraper, metric};

/// Where Rouse is installed.
pub(crate) const SYSTEM: &str = "rouse-system";

/// One of Rouse's own processes.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pod: String,
    uid: String,
    pub(crate) admin: SocketAddr,
    /// What it was started as: `rouse WORD`.
    word: &'static str,
}

/// Rouse as it is installed.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) api: Api,
}

impl System {
    pub(crate) async fn activators(&self) -> anyhow::Result<Vec<Process>> {
        self.processes("rouse-activator", "activator", 8093).await
    }

    pub(crate) async fn autoscalers(&self) -> anyhow::Result<Vec<Process>> {
        self.processes("rouse-autoscaler", "autoscaler", 8092).await
    }

    pub(crate) async fn injectors(&self) -> anyhow::Result<Vec<Process>> {
        self.processes("rouse-injector", "injector", 8094).await
    }

    /// The name of the pod that holds the Lease; empty while nobody does.
    pub(crate) async fn holder(&self) -> anyhow::Result<String> {
        let lease = self.api.get(LEASES, SYSTEM, "rouse-autoscaler").await?;
        Ok(lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned())
    }

    /// The autoscaler that decides.
    pub(crate) async fn leader(&self) -> anyhow::Result<Process> {
        let holder = self.holder().await?;
        let mut all = self.autoscalers().await?.into_iter();
        all.find(|process| holder.starts_with(&process.pod))
            .with_context(|| format!("no pod holds the Lease: {holder:?}"))
    }

    async fn processes(&self, app: &str, word: &'static str, admin: u16) -> anyhow::Result<Vec<Process>> {
        let pods = self.api.list(PODS, SYSTEM, &format!("app.kubernetes.io/name={app}")).await?;
        let here = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let processes = here.filter_map(|pod| {
            let ip: IpAddr = pod["status"]["podIP"].as_str()?.parse().ok()?;
            let text = |field: &str| pod["metadata"][field].as_str().map(str::to_owned);
            Some(Process { pod: text("name")?, uid: text("uid")?, admin: SocketAddr::new(ip, admin), word })
        });
        Ok(processes.collect())
    }

    /// Waits until every Deployment of ours has all its pods, the Lease is held, and nobody is on his way out.
    pub(crate) async fn settled(&self) -> anyhow::Result<()> {
        for name in ["rouse-autoscaler", "rouse-activator", "rouse-injector"] {
            let is_so = async || {
                let Ok(seen) = self.api.get(DEPLOYMENTS, SYSTEM, name).await else { return false };
                let status = &seen["status"];
                seen["spec"]["replicas"] == status["readyReplicas"] && status["readyReplicas"] == status["replicas"]
            };
            self.api.until(&format!("{name} has all its pods"), 120, is_so).await?;
        }
        let led = async || self.leader().await.is_ok();
        self.api.until("somebody leads", 30, led).await?;
        let both = async || {
            let Ok(processes) = self.activators().await else { return false };
            for process in &processes {
                if Scraper::new(process.admin).text("/readyz").await.is_err() {
                    return false;
                }
            }
            processes.len() > 1
        };
        self.api.until("the activators are ready", 60, both).await
    }

    /// What the leader says of a workload.
    pub(crate) async fn explain(&self, workload: &str) -> anyhow::Result<Value> {
        let leader = self.leader().await?;
        Scraper::new(leader.admin).json(&format!("/v1/workloads/{workload}")).await
    }

    /// Writes to the apiserver so far of each of these kinds, as the leader counts them.
    pub(crate) async fn writes<const N: usize>(&self, what: [&str; N]) -> anyhow::Result<[f64; N]> {
        let text = Scraper::new(self.leader().await?.admin).text("/metrics").await?;
        Ok(what.map(|what| {
            let label = format!("what=\"{what}\"");
            let lines =
                text.lines().filter(|line| line.starts_with("rouse_kube_writes_total{") && line.contains(&label));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
        }))
    }

    /// Counters of activators that must read zero once nobody asks for anything, and do not.
    pub(crate) async fn leaks(&self) -> anyhow::Result<Vec<String>> {
        let mut leaked = Vec::new();
        for _ in 0..60 {
            leaked.clear();
            for process in self.activators().await? {
                let text = Scraper::new(process.admin).text("/metrics").await?;
                for name in ["rouse_requests_held", "rouse_requests_open"] {
                    if let Some(value) = metric(&text, name).filter(|value| *value != 0.0) {
                        leaked.push(format!("{}: {name} {value}", process.pod));
                    }
                }
            }
            if leaked.is_empty() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(leaked)
    }

    /// Tells a process to end, as the kubelet does when its pod is deleted.
    pub(crate) async fn end(&self, process: &Process) -> anyhow::Result<()> {
        self.api.delete(PODS, SYSTEM, &process.pod, None).await
    }

    /// Sets an argument of the autoscaler and waits until it runs with it.
    pub(crate) async fn set_argument(&self, deployment: &str, flag: &str, value: Option<&str>) -> anyhow::Result<()> {
        let seen = self.api.get(DEPLOYMENTS, SYSTEM, deployment).await?;
        let container = &seen["spec"]["template"]["spec"]["containers"][0];
        let mut args: Vec<String> = serde_json::from_value(container["args"].clone())?;
        args.retain(|arg| !arg.starts_with(&format!("{flag}=")));
        args.extend(value.map(|value| format!("{flag}={value}")));
        let patch = json!({ "spec": { "template": { "spec": { "containers": [
            { "name": container["name"], "image": container["image"], "args": args },
        ] } } } });
        let path = format!("/apis/apps/v1/namespaces/{SYSTEM}/deployments/{deployment}");
        let kind = "application/strategic-merge-patch+json";
        self.api.call(http::Method::PATCH, &path, Some((kind, &patch))).await?;
        sleep(Duration::from_secs(1)).await; // until the controller has seen it
        self.settled().await
    }
}

impl Process {
    /// Kills it without notice. It is a process of this machine: the cluster's only node.
    pub(crate) fn kill(&self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid()?, signal).with_context(|| format!("cannot signal {}", self.pod))
    }

    /// Resident memory in bytes, and CPU seconds used so far.
    pub(crate) fn usage(&self) -> anyhow::Result<(u64, f64)> {
        let pid = self.pid()?.as_raw_nonzero();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rss =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?; // utime and stime
        Ok((rss.context("no VmRSS")? * 1024, ticks / 100.0))
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
            if read("cgroup").contains(&self.uid) && read("cmdline").split('\0').nth(1) == Some(self.word) {
                found.push(pid);
            }
        }
        ensure!(found.len() == 1, "{} runs as {found:?}", self.pod);
        Pid::from_raw(found[0]).context("no pid")
    }
}
