//! Response bodies.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::deadline::{Deadlines, Timer, earlier};
use crate::stall;
use crate::upstream::Exchange;

/// The body of a response: an app's, or a short one of our own.
///
/// An app's body holds `G`, the guard of its request, and drops it with the last byte (or when it is dropped itself).
/// Any error ends it abruptly, so that the client can tell that it was cut: HTTP/1 connections break, HTTP/2 streams
/// are reset.
#[derive(Debug)]
pub struct Body<G>(Kind<G>);

#[derive(Debug)]
enum Kind<G> {
    Empty,
    Full(Bytes),
    Forwarded(Forwarded<G>),
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The app's connection broke or it spoke nonsense.
    #[error("the app's response broke off")]
    App(#[from] hyper::Error),
    /// The request took longer than its total timeout.
    #[error("request timeout")]
    Total,
    /// The app said nothing for longer than the idle timeout.
    #[error("idle timeout")]
    Idle,
}

/// An app's body.
struct Forwarded<G> {
    incoming: Incoming,
    /// Given back for the next request at the end; broken off when dropped before.
    exchange: Option<Exchange>,
    guard: Option<G>,
    total: Option<Instant>,
    idle: Option<Duration>,
    /// When the app has said nothing for too long.
    quiet: Option<Instant>,
    /// For when the app makes us wait.
    timer: Timer,
}

impl<G> Body<G> {
    /// No bytes.
    pub fn empty() -> Body<G> {
        Body(Kind::Empty)
    }

    /// All bytes at once.
    pub fn full(bytes: impl Into<Bytes>) -> Body<G> {
        Body(Kind::Full(bytes.into()))
    }

    pub(crate) fn forwarded(incoming: Incoming, exchange: Exchange, guard: G, deadlines: &Deadlines) -> Body<G> {
        Body(Kind::Forwarded(Forwarded {
            incoming,
            exchange: Some(exchange),
            guard: Some(guard),
            total: deadlines.total,
            idle: deadlines.idle,
            quiet: None,
            timer: Timer::default(),
        }))
    }

    /// When the last byte of an app's body is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        match &self.0 {
            Kind::Forwarded(forwarded) => forwarded.total,
            Kind::Empty | Kind::Full(_) => None,
        }
    }

    /// The guard of the request, until the last byte; none in a body of our own.
    pub fn guard_mut(&mut self) -> Option<&mut G> {
        match &mut self.0 {
            Kind::Forwarded(forwarded) => forwarded.guard.as_mut(),
            Kind::Empty | Kind::Full(_) => None,
        }
    }
}

// Nothing in it is pinned in place: `Incoming` is Unpin, the timer is boxed and the guard is never polled.
impl<G> Unpin for Body<G> {}

impl<G> http_body::Body for Body<G> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let kind = &mut self.get_mut().0;
        match kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *kind = Kind::Empty;
                Poll::Ready((!bytes.is_empty()).then_some(Ok(Frame::data(bytes))))
            }
            Kind::Forwarded(forwarded) => forwarded.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Forwarded(forwarded) => forwarded.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Forwarded(forwarded) => forwarded.incoming.size_hint(),
        }
    }
}

impl<G> Forwarded<G> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.exchange.is_none() {
            return Poll::Ready(None);
        }
        // Not by the timer, which is only set once the app makes us wait: a body that always has bytes would outlive it.
        if self.total.is_some_and(|total| total <= Instant::now()) {
            return Poll::Ready(Some(Err(self.broken(BodyError::Total))));
        }
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.quiet = None;
                stall::must_be_written_by(self.total);
                if self.incoming.is_end_stream() {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.broken(error.into())))),
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Pending => match self.poll_overdue(cx) {
                Some(error) => Poll::Ready(Some(Err(self.broken(error)))),
                None => Poll::Pending,
            },
        }
    }

    /// Sets the timer to whichever deadline comes first, now that the app makes us wait, and tells which one has passed.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Option<BodyError> {
        stall::must_be_written_by(None);
        if let (None, Some(idle)) = (self.quiet, self.idle) {
            self.quiet = Instant::now().checked_add(idle);
        }
        let due = earlier(self.total, self.quiet)?;
        match self.timer.poll(due, cx) {
            Poll::Pending => None,
            Poll::Ready(()) if Some(due) == self.total => Some(BodyError::Total),
            Poll::Ready(()) => Some(BodyError::Idle),
        }
    }

    /// Gives the connection back and lets go of the guard.
    fn finish(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.finish();
        }
        self.guard = None;
        self.timer = Timer::default();
    }

    /// Breaks the connection off and lets go of the guard.
    fn broken(&mut self, error: BodyError) -> BodyError {
        self.exchange = None;
        self.guard = None;
        self.timer = Timer::default();
        error
    }
}

impl<G> Drop for Forwarded<G> {
    /// A body without bytes (HEAD, 204, 304) is never polled; its connection is as good as any.
    fn drop(&mut self) {
        if http_body::Body::is_end_stream(&self.incoming) {
            self.finish();
        }
    }
}

impl<G> fmt::Debug for Forwarded<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded")
            .field("incoming", &self.incoming)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
