//! Counters that should read zero once nobody asks for anything.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Town;
use crate::scrape::{Scraper, metric};

/// How long after the last answer a counter may take to say so.
const SETTLE: Duration = Duration::from_secs(3);

const OF_PODS: [&str; 2] = ["rouse_queue_proxy_in_flight", "rouse_queue_proxy_queue_depth"];
const OF_ACTIVATORS: [&str; 2] = ["rouse_requests_held", "rouse_requests_open"];

impl Town {
    /// Every counter of every process that is not back at zero, by name; nothing may be on its way.
    pub(crate) async fn leaks(&self) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let mut leaked = Vec::new();
            for activator in &self.activators {
                look(&activator.name, activator.admin, &OF_ACTIVATORS, &mut leaked).await?;
            }
            for pod in self.kubelet.running() {
                look(&pod.name, pod.admin, &OF_PODS, &mut leaked).await?;
            }
            if leaked.is_empty() || Instant::now() > deadline {
                return Ok(leaked);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn look(who: &str, admin: std::net::SocketAddr, names: &[&str], leaked: &mut Vec<String>) -> anyhow::Result<()> {
    let text = Scraper::new(admin).text("/metrics").await?;
    for name in names {
        match metric(&text, name) {
            Some(0.0) => {}
            Some(value) => leaked.push(format!("{who}: {name} {value}")),
            // A counter that was renamed would never leak.
            None => leaked.push(format!("{who}: no {name}")),
        }
    }
    Ok(())
}
