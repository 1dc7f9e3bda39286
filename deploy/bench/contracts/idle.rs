//! Whether a pod idles while an activator holds.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::scrape::{Scraper, metric};
use crate::town::Addresses;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// What was seen of one town.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The longest that one pod had nothing to do while something was held.
    pub(super) worst: Duration,
    /// Looks at which something was held.
    pub(super) holding: u64,
    pub(super) looks: u64,
    /// Requests in flight, and slots, over all looks at which something was held.
    used: u64,
    slots: u64,
}

impl Seen {
    /// The share of slots in use while something was held, in percent.
    pub(super) fn used_percent(&self) -> f64 {
        100.0 * self.used as f64 / self.slots.max(1) as f64
    }

    /// The share of looks at which something was held, in percent.
    pub(super) fn holding_percent(&self) -> f64 {
        100.0 * self.holding as f64 / self.looks.max(1) as f64
    }
}

/// Looks until `end`, on a thread of its own: a look that waits for clients would see moments that are far apart.
pub(super) async fn watch(activators: Vec<SocketAddr>, pods: Vec<Addresses>, end: Instant) -> anyhow::Result<Seen> {
    let looking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(look(activators, pods, end))
    };
    tokio::task::spawn_blocking(looking).await?
}

async fn look(activators: Vec<SocketAddr>, pods: Vec<Addresses>, end: Instant) -> anyhow::Result<Seen> {
    let mut holds: Vec<Scraper> = activators.into_iter().map(Scraper::new).collect();
    let mut apps: Vec<(Scraper, u32)> = pods.iter().map(|pod| (Scraper::new(pod.app), pod.limit)).collect();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut idle_since) = (Seen::default(), HashMap::<usize, Instant>::new());
    while Instant::now() < end {
        ticks.tick().await;
        let held: f64 = try_join_all(holds.iter_mut().map(held)).await?.into_iter().sum();
        let busy = join_all(apps.iter_mut().map(|(app, _)| in_flight(app))).await;
        let now = Instant::now();
        seen.looks += 1;
        seen.holding += u64::from(held > 0.0);
        for (pod, busy) in busy.into_iter().enumerate() {
            let busy = busy?;
            if held > 0.0 {
                seen.used += busy;
                seen.slots += u64::from(apps[pod].1);
            }
            if held > 0.0 && busy == 0 {
                let since = *idle_since.entry(pod).or_insert(now);
                seen.worst = seen.worst.max(now - since);
            } else {
                idle_since.remove(&pod);
            }
        }
    }
    Ok(seen)
}

async fn held(activator: &mut Scraper) -> anyhow::Result<f64> {
    Ok(metric(&activator.text("/metrics").await?, "rouse_requests_held").unwrap_or(0.0))
}

async fn in_flight(app: &mut Scraper) -> anyhow::Result<u64> {
    app.json("/stats").await?["in_flight"].as_u64().context("no in_flight")
}
