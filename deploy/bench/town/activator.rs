//! One activator process.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use rustix::process::Signal;

use super::child::{Child, Run};
use super::ports;
use crate::scrape::Scraper;

/// How long an activator may take to finish what it has.
const GRACE: Duration = Duration::from_secs(60);

/// How long one that is told to end serves on after its last new connection: ours are told of a new route within 200 ms.
const DRAIN_QUIET: &str = "1s";

pub(crate) struct Activator {
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
}

impl Activator {
    pub(crate) async fn start(name: &str, link: SocketAddr, directory: &Path) -> anyhow::Result<Activator> {
        let (listen, admin) = (ports::address()?, ports::address()?);
        let child = Child::start(Run {
            name,
            program: "rouse",
            arguments: ["activator", "--autoscaler", &link.to_string(), "--listen", &listen.to_string()]
                .into_iter()
                .chain(["--admin", &admin.to_string(), "--name", name, "--drain-quiet", DRAIN_QUIET])
                .map(Into::into)
                .collect(),
            environment: Vec::new(),
            directory,
        })
        .await?;
        Ok(Activator { name: name.to_owned(), listen, admin, child })
    }

    /// SIGTERM, and its end waited for.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<()> {
        self.child.signal(Signal::TERM)?;
        let status = self.child.ended(GRACE).await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// SIGKILL, and its end waited for.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.signal(Signal::KILL)?;
        self.child.ended(GRACE).await?;
        Ok(())
    }
}

/// Whether the activator behind `admin` says that it can be given requests.
pub(crate) async fn ready(admin: SocketAddr) -> bool {
    Scraper::new(admin).text("/readyz").await.is_ok()
}
