//! Clients that stop reading in the middle of a response.
//!
//! The body of a response cannot tell: hyper does not ask it for more while nothing can be written.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::deadline::Timer;
use crate::peer::Due;
use crate::preface::Begun;

/// An HTTP/1 connection that breaks when it takes no more bytes and its response is overdue.
#[derive(Debug)]
pub(crate) struct Stalling {
    stream: Begun,
    due: Arc<Due>,
    timer: Timer,
}

impl Stalling {
    pub(crate) fn new(stream: Begun, due: Arc<Due>) -> Stalling {
        Stalling { stream, due, timer: Timer::default() }
    }

    #[cold]
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(due) = self.due.get() else { return Poll::Pending };
        self.timer.poll(due, cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stalling {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stalling {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(cx, buf) {
            Poll::Pending => this.poll_overdue(cx),
            written => written,
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(cx, bufs) {
            Poll::Pending => this.poll_overdue(cx),
            written => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Runs HTTP/2 streams. One that takes no more bytes is reset when its response is overdue; the others of its connection
/// go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams;

pin_project! {
    /// One HTTP/2 stream, from its request to the last byte of its response. Dropping it resets it.
    struct Watched<F> {
        #[pin]
        stream: F,
        // When what its response's body has handed out must have been written.
        due: Option<Instant>,
        timer: Timer,
    }
}

tokio::task_local! {
    /// [`Watched::due`] of the stream that runs just now.
    static DUE: Cell<Option<Instant>>;
}

/// What a response's body hands out now must be written by `due`, if there is such a time: the body is not asked again
/// before. It says none when it is asked and waits for the app, for then it looks at the time itself.
#[inline]
pub(crate) fn must_be_written_by(due: Option<Instant>) {
    // Over HTTP/1 there is nobody to tell: `Stalling` looks.
    DUE.try_with(|cell| cell.set(due)).ok();
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(Watched { stream, due: None, timer: Timer::default() });
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (stream, mut due) = (this.stream, *this.due);
        let polled = DUE.sync_scope(Cell::new(due), || {
            let polled = stream.poll(cx);
            due = DUE.with(Cell::get);
            polled
        });
        *this.due = due;
        match (polled, due) {
            (Poll::Pending, Some(due)) => this.timer.poll(due, cx),
            (polled, _) => polled,
        }
    }
}
