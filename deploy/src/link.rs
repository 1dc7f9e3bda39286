//! The Link within one process: the activator's reports, through a bounded channel, to the autoscaler.

use std::sync::Arc;
use std::time::Duration;

use activator::Activator;
use config::link::Up;
use config::{Time, bounds};
use queue_proxy::Clock;
use tokio::sync::mpsc;

/// Sends what the activator and its pods' gates counted: what is due at once as soon as there is news, and everything
/// after each whole second. Ends when the receiver is gone.
///
/// When the autoscaler is behind, this waits: nothing is lost, for a counter keeps its seconds until they are taken.
pub async fn carry(activator: Arc<Activator>, clock: Clock, frames: mpsc::Sender<Up>) {
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
            if frames.send(frame).await.is_err() {
                return;
            }
        }
    }
}

/// A channel for [`carry`], with its bound.
pub fn channel() -> (mpsc::Sender<Up>, mpsc::Receiver<Up>) {
    mpsc::channel(bounds::LINK_FRAMES)
}

/// Just after the next whole second: tokio's timer has a grain of a millisecond, and a report taken a moment early would
/// leave that second open.
fn next_second(now: Time) -> Time {
    Time::from_nanos((now.second() + 1) * 1_000_000_000) + Duration::from_millis(1)
}
