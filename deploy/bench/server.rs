//! A `rouse run` of our own, on free ports, that ends with us.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::client;

/// A running `rouse`.
pub(crate) struct Rouse {
    child: Child,
    /// The gateway.
    pub(crate) gateway: SocketAddr,
    /// The admin port.
    pub(crate) admin: SocketAddr,
    directory: PathBuf,
}

impl Rouse {
    /// Starts `rouse run` on `manifest` and waits until it serves.
    pub(crate) async fn start(manifest: &str) -> anyhow::Result<Rouse> {
        let (gateway, admin) = (free_address()?, free_address()?);
        let directory = std::env::temp_dir().join(format!("rouse-bench-{}-{}", std::process::id(), gateway.port()));
        std::fs::create_dir_all(&directory)?;
        let file = directory.join("bench.yaml");
        std::fs::File::create(&file)?.write_all(manifest.as_bytes())?;
        let log = std::fs::File::create(directory.join("rouse.log"))?;
        let child = Command::new(rouse_binary()?)
            .args(["run", "--listen", &gateway.to_string(), "--admin", &admin.to_string()])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start rouse")?;
        let mut rouse = Rouse { child, gateway, admin, directory };
        let deadline = Instant::now() + Duration::from_secs(10);
        while client::get(admin, "bench", "/healthz").await.is_err() {
            if rouse.child.try_wait()?.is_some() || Instant::now() > deadline {
                anyhow::bail!("rouse did not start:\n{}", rouse.log());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(rouse)
    }

    /// Puts another text into the manifest's file, as editors do: a new file takes the old one's place.
    pub(crate) fn edit(&self, manifest: &str) -> anyhow::Result<()> {
        let new = self.directory.join("bench.yaml.new");
        std::fs::write(&new, manifest)?;
        std::fs::rename(new, self.directory.join("bench.yaml"))?;
        Ok(())
    }

    /// What the instance says about one workload.
    pub(crate) async fn explain(&self, workload: &str) -> anyhow::Result<Value> {
        let answer = client::get(self.admin, "bench", &format!("/v1/workloads/{workload}")).await?;
        ensure!(answer.status == 200, "explain {workload}: status {}", answer.status);
        answer.json()
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> anyhow::Result<i32> {
        Ok(i32::try_from(self.child.id())?)
    }

    /// Resident memory of the process, in KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("no figure")?.parse()?)
    }

    /// What it printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("rouse.log")).unwrap_or_default()
    }

    /// SIGTERM, and its end waited for.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).context("no pid")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "rouse does not end:\n{}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Rouse {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

/// The `rouse` that was built beside this program.
pub(crate) fn rouse_binary() -> anyhow::Result<PathBuf> {
    beside_us("rouse")
}

/// The binary `name` that was built beside this program.
pub(crate) fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let ours = std::env::current_exe()?;
    let binary = ours.parent().unwrap_or(Path::new(".")).join(name);
    ensure!(binary.exists(), "{} is missing: run `cargo build --release --workspace` first", binary.display());
    Ok(binary)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A Deployment of `rouse sample` called `name`.
pub(crate) fn sample(name: &str, annotations: &[(&str, &str)], arguments: &[&str]) -> String {
    let annotations: Vec<String> =
        annotations.iter().map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
    let command: Vec<String> = ["rouse", "sample"].iter().chain(arguments).map(|word| quoted(word)).collect();
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: {name}, annotations: {{ {} }} }}\n\
         spec: {{ template: {{ spec: {{ containers: [{{ name: app, command: [{}] }}] }} }} }}\n",
        annotations.join(", "),
        command.join(", "),
    )
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
