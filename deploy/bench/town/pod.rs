//! One pod as the kubelet would run it: the app, and a queue-proxy in front of it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;

use super::child::{Child, Run};
use super::{Addresses, WORKLOAD, ports};
use crate::scrape::Scraper;

/// How long a pod may take to drain and end before that is a failure.
const GRACE: Duration = Duration::from_secs(60);

/// How long the queue-proxy waits for clients that come directly, after the last one: ours are told of a new route
/// within 200 ms.
const DRAIN_QUIET: &str = "1";

/// One running pod.
pub(crate) struct Pod {
    pub(crate) name: String,
    /// Where its queue-proxy serves.
    pub(crate) address: SocketAddr,
    /// Where its app serves.
    pub(crate) app: SocketAddr,
    /// Where its queue-proxy tells its metrics.
    pub(crate) admin: SocketAddr,
    /// Container-concurrency at its start.
    pub(crate) limit: u32,
    proxy: Child,
    application: Child,
}

/// What the app saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The most requests that it had at once.
    pub(crate) max_in_flight: u64,
    /// The numbers of the requests that reached it, as often as they did.
    pub(crate) ids: Vec<u64>,
}

impl Pod {
    /// Starts both; neither is waited for.
    pub(crate) async fn start(
        name: &str,
        limit: u32,
        sample: &[String],
        link: SocketAddr,
        directory: &Path,
    ) -> anyhow::Result<Pod> {
        let (address, app, admin, metrics) =
            (ports::address()?, ports::address()?, ports::address()?, ports::address()?);
        let app_name = format!("{name}-app");
        let application = Child::start(Run {
            name: &app_name,
            program: "rouse",
            arguments: ["sample"].into_iter().chain(sample.iter().map(String::as_str)).map(OsString::from).collect(),
            environment: vec![("PORT", app.port().to_string()), ("K_SERVICE", name.to_owned())],
            directory,
        });
        let proxy = Child::start(Run {
            name,
            program: "queue-proxy",
            arguments: Vec::new(),
            environment: vec![
                ("QUEUE_SERVING_PORT", address.port().to_string()),
                ("USER_PORT", app.port().to_string()),
                ("ROUSE_LISTEN_ADDRESS", address.ip().to_string()),
                ("ROUSE_ADMIN_PORT", admin.port().to_string()),
                ("ROUSE_METRICS_PORT", metrics.port().to_string()),
                ("CONTAINER_CONCURRENCY", limit.to_string()),
                ("ROUSE_DRAIN_QUIET", DRAIN_QUIET.to_owned()),
                ("ROUSE_AUTOSCALER", link.to_string()),
                ("ROUSE_WORKLOAD", WORKLOAD.to_owned()),
                ("ROUSE_POD", name.to_owned()),
                ("ROUSE_POD_ADDRESS", address.to_string()),
            ],
            directory,
        });
        let (application, proxy) = tokio::try_join!(application, proxy)?;
        Ok(Pod { name: name.to_owned(), address, app, admin, limit, proxy, application })
    }

    /// Both gone at once, as when a node dies.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.proxy.signal(Signal::KILL)?;
        self.application.signal(Signal::KILL)?;
        self.proxy.ended(GRACE).await?;
        self.application.ended(GRACE).await?;
        Ok(())
    }

    /// Whether both run.
    pub(crate) fn runs(&mut self) -> bool {
        self.proxy.runs() && self.application.runs()
    }

    /// Ends it as Kubernetes does: the queue-proxy drains, then the app is told. Returns what the app saw.
    pub(crate) async fn drain(&mut self) -> anyhow::Result<Seen> {
        self.proxy.signal(Signal::TERM)?;
        let status = self.proxy.ended(GRACE).await?;
        ensure!(status.success(), "the queue-proxy of {} ended with {status}", self.name);
        let seen = self.addresses().seen().await?;
        self.application.signal(Signal::TERM)?;
        self.application.ended(GRACE).await?;
        Ok(seen)
    }

    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            name: self.name.clone(),
            address: self.address,
            app: self.app,
            admin: self.admin,
            limit: self.limit,
        }
    }
}

impl Addresses {
    /// What the app saw so far.
    pub(crate) async fn seen(&self) -> anyhow::Result<Seen> {
        let mut app = Scraper::new(self.app);
        let max_in_flight = app.json("/stats").await?["max_in_flight"].as_u64().context("no max_in_flight")?;
        let ids = app.text("/ids").await?.lines().map(str::parse).collect::<Result<_, _>>().context("not our ids")?;
        Ok(Seen { max_in_flight, ids })
    }
}

impl Seen {
    /// Whether the app had more at once than it may.
    pub(crate) fn is_above(&self, limit: u32) -> bool {
        limit > 0 && self.max_in_flight > u64::from(limit)
    }
}
