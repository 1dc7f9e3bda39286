//! The autoscaler's port for Links, as whoever can reach it sees it: through the client of queue-proxies and activators.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use config::link::{Down, Reporter};
use config::{PodId, WorkloadId};
use queue_proxy::Clock;
use queue_proxy::link::{Link, LinkSettings, Tls, open};
use queue_proxy::net::Network;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::api::CONFIG_MAPS;
use crate::cluster::system::{SYSTEM, System};
use crate::scrape::{Scraper, metric};
use crate::town::Scratch;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The port of the autoscaler that decides.
pub(super) struct Port {
    server: String,
    metrics: SocketAddr,
    tls: Tls,
    scratch: Scratch,
}

/// Who speaks, and what it says of itself.
#[derive(Clone, Debug)]
pub(super) struct Speaker {
    pub(super) reporter: Reporter,
    pub(super) workload: Option<WorkloadId>,
    pub(super) token: Option<String>,
}

/// A Link that may or may not be served. Dropping it ends it.
pub(super) struct Linked {
    pub(super) link: Link,
    down: mpsc::Receiver<Down>,
    driver: JoinHandle<()>,
}

impl Speaker {
    pub(super) fn pod(id: PodId, token: Option<&str>) -> Speaker {
        Speaker { reporter: Reporter::Pod(id), workload: None, token: token.map(str::to_owned) }
    }
}

impl Port {
    pub(super) async fn of_leader(system: &System) -> anyhow::Result<Port> {
        let authority = system.api.get(CONFIG_MAPS, SYSTEM, "rouse-ca").await?;
        let pem = authority["data"]["ca.crt"].as_str().context("no certificate in rouse-ca")?;
        let metrics = system.leader().await?.admin;
        Ok(Port {
            server: SocketAddr::new(metrics.ip(), 8091).to_string(),
            metrics,
            // It must be who it says, wherever it is.
            tls: Tls::trusting(pem.as_bytes(), &format!("rouse-autoscaler.{SYSTEM}.svc:8091"))?,
            scratch: Scratch::new()?,
        })
    }

    /// Opens a Link, which is tried again and again.
    pub(super) fn open(&self, speaker: &Speaker) -> anyhow::Result<Linked> {
        let tls = match &speaker.token {
            None => self.tls.clone(),
            Some(token) => {
                let file = self.scratch.path().join("token");
                std::fs::write(&file, token)?;
                self.tls.clone().introduced_by(file)
            }
        };
        Ok(self.open_by(speaker, Some(tls)))
    }

    fn open_by(&self, speaker: &Speaker, tls: Option<Tls>) -> Linked {
        let (link, down, driver) = open(LinkSettings {
            server: self.server.clone(),
            tls,
            reporter: speaker.reporter.clone(),
            workload: speaker.workload.clone(),
            address: ([0, 0, 0, 0], 0).into(),
            clock: Clock::wall(),
            network: Network::Tcp,
        });
        Linked { link, down, driver: tokio::spawn(driver) }
    }

    /// An error unless `speaker` is refused for this reason, by the metric, and never served.
    pub(super) async fn refuses(&self, what: &str, speaker: &Speaker, reason: &str) -> anyhow::Result<()> {
        let before = self.refusals(reason).await?;
        let mut linked = self.open(speaker)?;
        let end = Instant::now() + PATIENCE;
        while self.refusals(reason).await? <= before {
            ensure!(!linked.was_welcome(), "{what}: is served");
            ensure!(Instant::now() < end, "{what}: not counted as {reason:?}");
            sleep(Duration::from_millis(50)).await;
        }
        ensure!(!linked.was_welcome(), "{what}: is served");
        println!("  {what}: refused, {reason}");
        Ok(())
    }

    /// An error if `speaker` is served without TLS.
    pub(super) async fn refuses_plain(&self, speaker: &Speaker) -> anyhow::Result<()> {
        let mut linked = self.open_by(speaker, None);
        ensure!(!linked.becomes_welcome(Duration::from_secs(2)).await, "it serves without TLS");
        println!("  without TLS: not served");
        Ok(())
    }

    /// How many were refused for this reason.
    pub(super) async fn refusals(&self, reason: &str) -> anyhow::Result<f64> {
        self.metric(&format!("rouse_links_refused_total{{reason=\"{reason}\"}}")).await
    }

    /// A counter of the autoscaler; one that is not there is zero.
    pub(super) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = Scraper::new(self.metrics).text("/metrics").await?;
        Ok(metric(&text, name).unwrap_or(0.0))
    }
}

impl Linked {
    /// Waits until it is served.
    pub(super) async fn welcome(&mut self) -> anyhow::Result<()> {
        ensure!(self.becomes_welcome(PATIENCE).await, "it is not served");
        Ok(())
    }

    async fn becomes_welcome(&mut self, patience: Duration) -> bool {
        let welcome = async {
            while let Some(frame) = self.down.recv().await {
                if matches!(frame, Down::Welcome { .. }) {
                    return true;
                }
            }
            false
        };
        timeout(patience, welcome).await.unwrap_or(false)
    }

    fn was_welcome(&mut self) -> bool {
        std::iter::from_fn(|| self.down.try_recv().ok()).any(|frame| matches!(frame, Down::Welcome { .. }))
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
