//! The static platform (`--platform static:FILE`): workloads and pods as a file lists them.
//!
//! It starts and ends no pod. How many pods are wanted is written to a file of wishes, so that whoever edits the list can
//! see to them. A pod that is listed exists; how it is, its queue-proxy says. One without a queue-proxy counts as ready
//! for as long as it is listed.

mod changes;
mod file;
mod wishes;

use std::path::PathBuf;
use std::sync::Arc;

use config::manifest::Manifests;
use config::problem::{Problems, Warning};
use config::{Platform, PlatformError, PlatformEvent, Route, Workload, WorkloadId};
use futures_core::Stream;
use futures_util::stream;
use queue_proxy::Clock;
use tokio::sync::watch;
use tracing::{info, warn};

use changes::{Listing, Told};
use file::{Digest, Edit, Watched};
use wishes::Wishes;

/// Workloads and pods as a file lists them.
#[derive(Debug)]
pub struct ListedPlatform {
    path: PathBuf,
    clock: Clock,
    /// Of the text that was read first.
    first: Digest,
    /// The newest listing that was right.
    listing: watch::Sender<Arc<Listing>>,
    wishes: Arc<Wishes>,
}

/// Why there is no platform.
#[derive(Debug, thiserror::Error)]
pub enum NotListed {
    /// The file is wrong.
    #[error(transparent)]
    BadFile(#[from] Problems),
    /// The wishes cannot be written.
    #[error("cannot write {path}")]
    Wishes {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ListedPlatform {
    /// The platform that the file at `path` lists; wishes are written to `wishes`, if that is given. Also what is odd
    /// about the file.
    ///
    /// # Errors
    /// When the file is wrong or wishes cannot be written.
    pub fn open(
        path: PathBuf,
        wishes: Option<PathBuf>,
        clock: Clock,
    ) -> Result<(Arc<ListedPlatform>, Vec<Warning>), NotListed> {
        let text = file::read(&path)?;
        let first = file::digest(&text);
        let Manifests { workloads, pods, warnings, .. } = file::parse(&path, text)?;
        let listing = Listing::new(workloads, pods);
        let wishes = Arc::new(Wishes::open(wishes, &listing)?);
        let listing = watch::Sender::new(Arc::new(listing));
        Ok((Arc::new(ListedPlatform { path, clock, first, listing, wishes }), warnings))
    }

    /// The workloads that are listed now.
    pub fn workloads(&self) -> Vec<Arc<Workload>> {
        self.listing.borrow().workloads().cloned().collect()
    }

    /// Reads the file again whenever it changes, for as long as it is polled. A file that is wrong is refused as a
    /// whole: what was listed before stays.
    pub async fn follow(self: Arc<ListedPlatform>) {
        let mut watched = Watched::new(&self.path);
        let mut last = self.first;
        loop {
            let path = self.path.clone();
            // A large file takes a while, and the file system may take any time.
            let edit = tokio::task::spawn_blocking(move || Edit::read(&path, last)).await;
            match edit {
                Ok(Edit::None) | Err(_) => {}
                Ok(Edit::Right(manifests, digest)) => {
                    self.take(*manifests);
                    last = digest;
                }
                Ok(Edit::Wrong(problems, digest)) => {
                    warn!("the edit is refused, what was listed before stays:\n{problems}");
                    last = digest;
                }
            }
            watched.changed().await;
        }
    }

    fn take(&self, manifests: Manifests) {
        for warning in &manifests.warnings {
            warn!("{warning}");
        }
        let listing = Listing::new(manifests.workloads, manifests.pods);
        info!("{}: {listing}", self.path.display());
        self.wishes.list(&listing);
        self.listing.send_replace(Arc::new(listing));
    }
}

impl Platform for ListedPlatform {
    fn events(&self) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        let state = (self.listing.subscribe(), Told::default(), self.clock, Arc::clone(&self.wishes));
        Box::pin(stream::unfold(state, async |(mut listing, mut told, clock, wishes)| {
            loop {
                if let Some(event) = told.next() {
                    return Some((event, (listing, told, clock, wishes)));
                }
                if !told.is_empty() {
                    listing.changed().await.ok()?;
                }
                let newest = Arc::clone(&listing.borrow_and_update());
                told.see(&newest, clock.now(), |id| wishes.of(id));
            }
        }))
    }

    async fn scale(&self, workload: &WorkloadId, pods: u32) -> Result<(), PlatformError> {
        if !self.listing.borrow().knows(workload) {
            return Err(PlatformError::UnknownWorkload(workload.clone()));
        }
        let written = self.wishes.set(workload, pods).await;
        written.map_err(|error| PlatformError::Refused(format!("the wishes cannot be written: {error}")))
    }

    /// Nobody reaches these pods but through activators, or as they choose themselves: the route is true at once.
    async fn route(&self, _workload: &WorkloadId, _route: Route) -> Result<(), PlatformError> {
        Ok(())
    }
}
