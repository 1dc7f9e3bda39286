//! Keeps a Link open: again and again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::bounds;
use config::link::Down;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::backoff::{Backoff, random};
use super::talk::talk;
use super::{LinkSettings, Shared};

/// Opens the Link whenever it is not; ends when all was said for good.
pub(super) async fn run(settings: LinkSettings, shared: Arc<Shared>, down: mpsc::Sender<Down>) {
    let incarnation = random();
    let mut backoff = Backoff::new();
    let mut is_told = false;
    loop {
        let started = Instant::now();
        let outcome = talk(&settings, incarnation, &shared, &down).await;
        let was_connected = shared.is_connected.swap(false, Ordering::Relaxed);
        shared.outbox.lock().disconnected();
        let Err(error) = outcome else {
            shared.is_finished.send_replace(true);
            return;
        };
        // One that welcomes and breaks off at once is no better than one that is not there.
        if was_connected && Instant::now().duration_since(started) >= bounds::LINK_RETRY_SLOWEST {
            backoff.reset();
        }
        if was_connected || !is_told {
            is_told = true;
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, server = settings.server, "No Link to the autoscaler; trying on");
        }
        sleep(backoff.pause()).await;
    }
}
