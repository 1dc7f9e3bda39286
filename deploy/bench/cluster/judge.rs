//! What clients saw, held against what was done to the processes under them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::app::App;
use crate::load::{Failure, Tally};

/// A request on a process that is killed ends by then.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// How long connections may still be refused where a killed process was: then nobody is sent there any more.
const REFUSED_FOR: Duration = Duration::from_secs(2);

/// Kills without notice: the only excuse.
#[derive(Debug, Default)]
pub(crate) struct Kills(Vec<Instant>);

/// What became of the requests of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) asked: u64,
    pub(crate) excused: usize,
    pub(crate) refused: usize,
    pub(crate) lost: Vec<Failure>,
}

impl Kills {
    /// Now an activator was killed.
    pub(crate) fn note(&mut self, at: Instant) {
        self.0.push(at);
    }

    /// Tells failures with an excuse from those without.
    pub(crate) fn judge(&self, tally: &Tally) -> Verdict {
        let mut verdict = Verdict { asked: tally.asked.load(Ordering::Relaxed), ..Verdict::default() };
        for failure in tally.failures.lock().iter() {
            // On it when it died: it ended then, and was not left hanging.
            let was_on =
                |at: &&Instant| failure.began <= **at && failure.ended >= **at && failure.ended <= **at + ENDS_WITHIN;
            let was_refused = |at: &&Instant| {
                failure.what.starts_with("connect") && failure.began >= **at && failure.ended <= **at + REFUSED_FOR
            };
            if self.0.iter().any(|at| was_on(&at)) {
                verdict.excused += 1;
            } else if self.0.iter().any(|at| was_refused(&at)) {
                verdict.refused += 1;
            } else {
                verdict.lost.push(failure.clone());
            }
        }
        verdict
    }
}

impl Verdict {
    /// Prints the verdict of `what`; an error if a request was lost.
    pub(crate) fn tell(&self, what: &str) -> anyhow::Result<()> {
        let Verdict { asked, excused, refused, lost } = self;
        let now = Instant::now();
        for failure in lost.iter().take(10) {
            println!("  lost: {failure}, {} ms ago", (now - failure.began).as_millis());
        }
        let excuses = match (excused, refused) {
            (0, 0) => String::new(),
            _ => format!(", {excused} on a killed process, {refused} refused where it had been"),
        };
        println!("{what}: {asked} requests, lost {}{excuses}", lost.len());
        ensure!(*asked > 0, "{what}: nothing was asked");
        ensure!(lost.is_empty(), "{what}: {} requests lost", lost.len());
        Ok(())
    }
}

/// Looks at the apps of a workload for as long as it lives: how many each has had at once, and which requests it served.
pub(crate) struct Witness {
    seen: Arc<Mutex<Witnessed>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Witnessed {
    most: u64,
    repeated: u64,
    ids: std::collections::HashMap<String, HashSet<u64>>,
}

impl Witness {
    pub(crate) fn of(app: &App) -> Witness {
        let (app, seen) = (app.clone(), Arc::new(Mutex::new(Witnessed::default())));
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                look(&app, &told).await;
                sleep(Duration::from_millis(500)).await;
            }
        });
        Witness { seen, task }
    }

    /// An error if any app ever had more than `limit` at once, or a request was served twice.
    pub(crate) fn tell(&self, limit: u64) -> anyhow::Result<()> {
        let seen = self.seen.lock();
        let mut all = HashSet::new();
        let across = seen.ids.values().flatten().filter(|id| !all.insert(**id)).count() as u64;
        let twice = across + seen.repeated;
        println!(
            "  apps: at most {} at once (limit {limit}), {} requests known, served twice {twice}",
            seen.most,
            all.len()
        );
        ensure!(twice == 0, "{twice} requests were served twice");
        ensure!(limit == 0 || seen.most <= limit, "an app had {} at once, more than {limit}", seen.most);
        Ok(())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(app: &App, seen: &Mutex<Witnessed>) {
    let Ok(pods) = app.ready().await else { return };
    for pod in pods {
        let Some(ip) = pod.ip else { continue };
        let mut scraper = crate::scrape::Scraper::new((ip, 8012).into());
        let (Ok(stats), Ok(ids)) = (scraper.json("/stats").await, scraper.text("/ids").await) else { continue };
        let mut seen = seen.lock();
        seen.most = seen.most.max(stats["max_in_flight"].as_u64().unwrap_or(0));
        seen.repeated = seen.repeated.max(stats["repeated"].as_u64().unwrap_or(0));
        let ids = ids.lines().filter_map(|line| line.parse::<u64>().ok());
        seen.ids.entry(pod.name).or_default().extend(ids);
    }
}
