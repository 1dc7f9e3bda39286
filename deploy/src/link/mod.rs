//! The Link: within one process the activator's reports go to the autoscaler through a bounded channel; between
//! processes [`LinkServer`] keeps a stream to each reporter, and the [`Hub`] knows who is linked and what each must know.

mod doors;
mod down;
mod gone;
mod hub;
mod identity;
mod known;
mod missed;
mod outlet;
mod readers;
mod refusals;
mod reporters;
mod seen;
mod server;
mod session;
mod skew;
mod standing;
mod strangers;
pub mod tls;
mod unwelcome;

use std::sync::Arc;
use std::time::Duration;

use activator::{Activator, Wake};
use autoscaler::Triggered;
use config::link::{Reporter, Up};
use config::{PodId, Time, WorkloadId, bounds};
use queue_proxy::Clock;
use tokio::sync::mpsc;

pub use doors::{ActivatorSeen, Changed, DirectSeen};
pub use hub::Hub;
pub use identity::{Identity, OwnPods, ReporterIdentity};
pub use server::LinkServer;

/// What the driver hears of reporters.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A reporter said this.
    Up(Up),
    /// An activator told of a wake.
    Woke(Wake),
    /// What is to be believed of this pod changed: by its own word, or because it fell silent.
    Pod(PodId),
    /// The reporter's Link died and did not come back.
    Lost(Reporter),
    /// A workload's triggers ask for another number of pods; `None` when it has none any more.
    Triggered(WorkloadId, Option<Triggered>),
}

/// Sends what the activator and its pods' gates counted: what is due at once as soon as there is news, and everything
/// after each whole second. Ends when the receiver is gone.
///
/// When the autoscaler is behind, this waits: nothing is lost, for a counter keeps its seconds until they are taken.
pub async fn carry(activator: Arc<Activator>, clock: Clock, frames: mpsc::Sender<Heard>) {
    let mut due = Vec::new();
    let mut second = next_second(clock.now());
    loop {
        let urgent = tokio::select! {
            biased; // a whole second first: its reports include what is urgent
            () = tokio::time::sleep_until(clock.instant_of(second)) => false,
            () = activator.news() => true,
        };
        if !urgent {
            second = next_second(clock.now());
        }
        activator.take_reports(urgent, &mut due);
        for frame in due.drain(..) {
            if frames.send(Heard::Up(frame)).await.is_err() {
                return;
            }
        }
    }
}

/// A channel for [`carry`], with its bound.
pub fn channel() -> (mpsc::Sender<Heard>, mpsc::Receiver<Heard>) {
    mpsc::channel(bounds::LINK_FRAMES)
}

/// Just after the next whole second: tokio's timer has a grain of a millisecond, and a report taken a moment early would
/// leave that second open.
pub(crate) fn next_second(now: Time) -> Time {
    Time::from_nanos((now.second() + 1) * 1_000_000_000) + Duration::from_millis(1)
}
