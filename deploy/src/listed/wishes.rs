//! How many pods are wanted, for whoever starts and ends them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use config::WorkloadId;
use parking_lot::Mutex;
use tracing::warn;

use super::NotListed;
use super::changes::Listing;

/// Pods wanted of each workload. The file of them is replaced as a whole, and only when something changed.
#[derive(Debug)]
pub(super) struct Wishes {
    path: Option<PathBuf>,
    wanted: Mutex<Wanted>,
    /// The newest version that was written. While one is being written others wait, and go together.
    written: tokio::sync::Mutex<u64>,
}

#[derive(Debug, Default)]
struct Wanted {
    pods: BTreeMap<WorkloadId, u32>,
    /// Counts changes.
    version: u64,
}

impl Wishes {
    /// What was wished before, by the file, stays; at least the pods that there are.
    pub(super) fn open(path: Option<PathBuf>, listing: &Listing) -> Result<Wishes, NotListed> {
        let before = path.as_deref().map(read).unwrap_or_default();
        let mut pods = listing.counts();
        for (id, count) in &mut pods {
            *count = (*count).max(before.get(id).copied().unwrap_or(0));
        }
        if let Some(path) = &path {
            write(path, &pods).map_err(|source| NotListed::Wishes { path: path.clone(), source })?;
        }
        let wanted = Mutex::new(Wanted { pods, version: 0 });
        Ok(Wishes { path, wanted, written: tokio::sync::Mutex::new(0) })
    }

    /// How many pods of the workload are wanted.
    pub(super) fn of(&self, id: &WorkloadId) -> u32 {
        self.wanted.lock().pods.get(id).copied().unwrap_or(0)
    }

    /// Forgets workloads that are not listed any more; of new ones their pods are wanted. Written with the next change.
    pub(super) fn list(&self, listing: &Listing) {
        let mut counts = listing.counts();
        let mut wanted = self.wanted.lock();
        for (id, count) in &mut counts {
            *count = wanted.pods.get(id).copied().unwrap_or(*count);
        }
        if counts != wanted.pods {
            wanted.pods = counts;
            wanted.version += 1;
        }
    }

    /// Sets how many pods are wanted; returns when that is written.
    pub(super) async fn set(&self, id: &WorkloadId, pods: u32) -> io::Result<()> {
        let version = {
            let mut wanted = self.wanted.lock();
            if wanted.pods.insert(id.clone(), pods) != Some(pods) {
                wanted.version += 1;
            }
            wanted.version
        };
        let Some(path) = self.path.clone() else { return Ok(()) };
        let mut written = self.written.lock().await;
        if *written >= version {
            return Ok(());
        }
        let (newest, pods) = {
            let wanted = self.wanted.lock();
            (wanted.version, wanted.pods.clone())
        };
        tokio::task::spawn_blocking(move || write(&path, &pods)).await.map_err(io::Error::other)??;
        *written = newest;
        Ok(())
    }
}

fn read(path: &Path) -> BTreeMap<WorkloadId, u32> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            warn!("{}: earlier wishes cannot be read: {error}", path.display());
            return BTreeMap::new();
        }
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        warn!("{}: earlier wishes are left out: {error}", path.display());
        BTreeMap::new()
    })
}

/// Whoever reads the file sees the old wishes or the new ones, never a part.
fn write(path: &Path, pods: &BTreeMap<WorkloadId, u32>) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(pods)?;
    text.push(b'\n');
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(&fresh, path)
}
