//! The autoscaler process: it may end and come back at the same addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::child::{Child, Run};
use super::file::Files;
use super::{WORKLOAD, ports};
use crate::scrape::Scraper;

/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long it may take to read a large file and to serve.
const START: Duration = Duration::from_secs(60);

pub(crate) struct Autoscaler {
    pub(crate) link: SocketAddr,
    pub(crate) admin: SocketAddr,
    files: Files,
    directory: PathBuf,
    child: Option<Child>,
}

impl Autoscaler {
    pub(crate) async fn start(files: &Files, directory: PathBuf) -> anyhow::Result<Autoscaler> {
        let (link, admin) = (ports::address()?, ports::address()?);
        let mut autoscaler = Autoscaler { link, admin, files: files.clone(), directory, child: None };
        autoscaler.restart().await?;
        Ok(autoscaler)
    }

    /// Starts it again.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        let platform = format!("static:{}", self.files.platform.display());
        let wishes = self.files.wishes.display().to_string();
        let (link, admin) = (self.link.to_string(), self.admin.to_string());
        let arguments =
            ["autoscaler", "--platform", &platform, "--wishes", &wishes, "--listen", &link, "--admin", &admin];
        let child = Child::start(Run {
            name: "autoscaler",
            program: "rouse",
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            directory: &self.directory,
        });
        self.child = Some(child.await?);
        Ok(())
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn serves(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while Scraper::new(self.admin).text("/healthz").await.is_err() {
            ensure!(Instant::now() < deadline, "the autoscaler does not serve after {} s", START.as_secs());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> anyhow::Result<i32> {
        Ok(self.child.as_ref().context("no autoscaler runs")?.pid())
    }

    /// SIGTERM, and its end waited for.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("no autoscaler runs")?;
        child.signal(Signal::TERM)?;
        let status = child.ended(GRACE).await?;
        ensure!(status.success(), "the autoscaler ended with {status}");
        Ok(())
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("no autoscaler runs")?;
        child.signal(Signal::KILL)?;
        child.ended(GRACE).await?;
        Ok(())
    }
}

/// What the autoscaler behind `admin` says of the workload in one line.
pub(crate) async fn status(admin: SocketAddr) -> anyhow::Result<Value> {
    let all = Scraper::new(admin).json("/v1/workloads").await?;
    let lines = all["workloads"].as_array().context("no workloads")?;
    let ours = lines.iter().find(|line| line["workload"] == WORKLOAD);
    ours.cloned().with_context(|| format!("no {WORKLOAD} in {all}"))
}
