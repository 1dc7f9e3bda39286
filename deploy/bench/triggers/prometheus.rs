//! A real Prometheus, which scrapes itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use crate::scrape::{Scraper, metric};
use crate::server::rouse_binary;
use crate::town::{Scratch, ports};

/// How long it may take until it has scraped itself.
const START: Duration = Duration::from_secs(30);

const REQUESTS: &str = "prometheus_http_requests_total";
const SECONDS: &str = "prometheus_http_request_duration_seconds";
const QUERIES: &str = "handler=\"/api/v1/query\"";

/// Runs for as long as this is there, and no longer than we do: the shim that starts it holds the other end of a pipe.
pub(super) struct Prometheus {
    pub(super) address: SocketAddr,
    shim: Child,
    _scratch: Scratch,
}

/// What it was asked so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queries {
    pub(super) count: f64,
    /// How long all of them took it, in seconds.
    pub(super) seconds: f64,
}

/// Where it is installed, if it is.
pub(super) fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|place| place.join("prometheus")).find(|binary| binary.is_file())
}

impl Prometheus {
    pub(super) async fn start(binary: PathBuf) -> anyhow::Result<Prometheus> {
        let (scratch, address) = (Scratch::new()?, ports::address()?);
        let (config, log) = (scratch.path().join("prometheus.yaml"), scratch.path().join("prometheus.log"));
        let targets = format!("{{ job_name: self, static_configs: [{{ targets: [\"{address}\"] }}] }}");
        std::fs::write(&config, format!("global: {{ scrape_interval: 1s }}\nscrape_configs: [{targets}]\n"))?;
        let log = std::fs::File::create(log)?;
        let shim = Command::new(rouse_binary()?)
            .args(["pod", "--"])
            .arg(binary)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", scratch.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start prometheus")?;
        let prometheus = Prometheus { address, shim, _scratch: scratch };
        let began = Instant::now();
        while !prometheus.has_scraped().await {
            ensure!(Instant::now() - began < START, "prometheus has scraped nothing after {} s", START.as_secs());
            sleep(Duration::from_millis(100)).await;
        }
        Ok(prometheus)
    }

    async fn has_scraped(&self) -> bool {
        let answer = Scraper::new(self.address).json("/api/v1/query?query=up").await;
        answer.is_ok_and(|answer| answer["data"]["result"][0]["value"][1] == "1")
    }

    pub(super) async fn queries(&self) -> anyhow::Result<Queries> {
        let page = Scraper::new(self.address).text("/metrics").await?;
        let ours: Vec<&str> = page.lines().filter(|line| line.contains(QUERIES)).collect();
        let sum = |name: &str| metric(&ours.join("\n"), name).unwrap_or(0.0);
        Ok(Queries { count: sum(REQUESTS), seconds: sum(&format!("{SECONDS}_sum")) })
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Its end of the pipe: the shim then ends what it runs.
        self.shim.stdin.take();
        self.shim.wait().ok();
    }
}
