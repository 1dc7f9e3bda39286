//! From a burst's report to the wish for more pods, sampled.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::world::{self, Size};

/// Between two looks at whether the file of wishes is another.
const LOOK: Duration = Duration::from_micros(500);

/// Longer than this is no reaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a pod to burst; answered with when it reports that.
pub(super) type Burst = oneshot::Sender<Instant>;

/// Makes the pods of one workload after the other burst, at moments that fall on every part of a second, until `end`.
/// Returns how long each took; those that had no reaction took [`PATIENCE`].
pub(super) async fn sample(
    wishes: PathBuf,
    bursts: &[mpsc::Sender<Burst>],
    size: Size,
    end: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    let mut number = 0;
    // The first pod of each workload, as far as those speak themselves.
    while let Some(burst) = bursts.get(number * size.pods).filter(|_| Instant::now() < end) {
        let before = wish(&wishes, number).unwrap_or(size.pods as u64);
        let (sender, reported) = oneshot::channel();
        burst.send(sender).await?;
        took.push(until_more(&wishes, number, before, reported.await?).await);
        number += 1;
        sleep(Duration::from_millis(137)).await;
    }
    Ok(took)
}

async fn until_more(wishes: &PathBuf, number: usize, before: u64, began: Instant) -> Duration {
    let mut seen = None;
    loop {
        let took = Instant::now() - began;
        let file = std::fs::metadata(wishes).ok().map(|file| (file.ino(), file.mtime_nsec(), file.mtime()));
        if file != seen {
            seen = file;
            if wish(wishes, number).is_some_and(|wish| wish > before) {
                return took;
            }
        }
        if took > PATIENCE {
            return PATIENCE;
        }
        sleep(LOOK).await;
    }
}

/// How many pods are wished for; the file is long, so it is searched, not parsed.
fn wish(wishes: &PathBuf, number: usize) -> Option<u64> {
    let text = std::fs::read_to_string(wishes).ok()?;
    let key = format!("\"{}\"", world::workload(number));
    let rest = text.split_once(&key)?.1.trim_start_matches([':', ' ']);
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
