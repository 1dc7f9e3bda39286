//! What waits to be written to one reporter.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use config::bounds;
use config::link::Down;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A queue of frames to one reporter, with a bound: whoever reads slower than that is cut off, and hears everything
/// anew when it comes back. An idle one occupies nothing but itself.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    queue: Mutex<Queue>,
    over: Notify,
    room: Notify,
}

/// Frames that wait when there is [`Outlet::room`] again.
const ROOM: usize = bounds::LINK_DOWN_FRAMES / 4;

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Down>,
    /// The newest acknowledgement: it makes those before pointless.
    ack: Option<u64>,
    /// Reports that it is for.
    reports: usize,
    closed: bool,
    waker: Option<Waker>,
}

impl Outlet {
    /// Adds a frame; false if the link is over, or is now because too many wait.
    pub(crate) fn push(&self, frame: Down) -> bool {
        let mut queue = self.queue.lock();
        if !queue.closed && queue.frames.len() == bounds::LINK_DOWN_FRAMES {
            tracing::warn!("A reporter reads too slowly: its link is cut off");
            drop(queue);
            self.close();
            return false;
        }
        let open = !queue.closed;
        if open {
            queue.frames.push_back(frame);
            wake(&mut queue);
        }
        open
    }

    /// Acknowledges all reports up to `seq`, of which so many are new. Said with whatever is said next, and by itself
    /// only when it is for many: it merely keeps reports from being sent again.
    pub(crate) fn ack(&self, seq: u64, reports: usize) {
        let mut queue = self.queue.lock();
        queue.ack = Some(seq);
        queue.reports += reports;
        if queue.reports >= bounds::LINK_ACK_EVERY {
            wake(&mut queue);
        }
    }

    /// The acknowledgement that has not been said.
    pub(crate) fn take_ack(&self) -> Option<Down> {
        self.queue.lock().take_ack()
    }

    /// Ends the link, after what waits if the reporter still reads.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        wake(&mut queue);
        self.over.notify_one();
    }

    /// Resolves when the link has been ended. For one listener; cancel-safe.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    /// Resolves when most of what had piled up has been read. For one listener; cancel-safe.
    pub(crate) async fn room(&self) {
        self.room.notified().await;
    }

    /// How many frames wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().frames.len()
    }

    /// The next frame; none when the link is over.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Down>> {
        let mut queue = self.queue.lock();
        if let Some(frame) = queue.frames.pop_front() {
            if queue.frames.len() == ROOM {
                self.room.notify_one();
            }
            if queue.frames.is_empty() {
                queue.frames.shrink_to(16); // a burst's room is given back
            }
            return Poll::Ready(Some(frame));
        }
        if queue.closed {
            return Poll::Ready(queue.take_ack());
        }
        if queue.reports >= bounds::LINK_ACK_EVERY {
            return Poll::Ready(queue.take_ack());
        }
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            queue.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Queue {
    fn take_ack(&mut self) -> Option<Down> {
        self.reports = 0;
        self.ack.take().map(|seq| Down::Ack { seq })
    }
}

fn wake(queue: &mut Queue) {
    if let Some(waker) = queue.waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn next(outlet: &Outlet) -> Poll<Option<Down>> {
        outlet.poll_next(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn of_acknowledgements_only_the_newest_is_said_and_not_each_by_itself() {
        let outlet = Outlet::default();
        outlet.ack(1, 1);
        assert_eq!(next(&outlet), Poll::Pending);
        let many = bounds::LINK_ACK_EVERY;
        outlet.ack(many as u64, many - 1);
        assert!(outlet.push(Down::Synced));
        assert_eq!(next(&outlet), Poll::Ready(Some(Down::Synced)));
        assert_eq!(next(&outlet), Poll::Ready(Some(Down::Ack { seq: many as u64 })));
        assert_eq!(next(&outlet), Poll::Pending);
        outlet.ack(many as u64 + 1, 1);
        assert_eq!(outlet.take_ack(), Some(Down::Ack { seq: many as u64 + 1 }));
        assert_eq!(outlet.take_ack(), None);
    }

    #[test]
    fn the_last_acknowledgement_is_said_at_the_end() {
        let outlet = Outlet::default();
        outlet.ack(7, 1);
        outlet.close();
        assert_eq!(next(&outlet), Poll::Ready(Some(Down::Ack { seq: 7 })));
        assert_eq!(next(&outlet), Poll::Ready(None));
    }

    #[test]
    fn a_reader_that_is_too_slow_is_cut_off() {
        let outlet = Outlet::default();
        for _ in 0..bounds::LINK_DOWN_FRAMES {
            assert!(outlet.push(Down::Heartbeat));
        }
        assert!(!outlet.push(Down::Heartbeat));
        let read = std::iter::from_fn(|| match next(&outlet) {
            Poll::Ready(frame) => frame,
            Poll::Pending => panic!("it is over, not waited for"),
        });
        assert_eq!(read.count(), bounds::LINK_DOWN_FRAMES);
    }
}
