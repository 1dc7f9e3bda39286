//! One link's response: what is said to the reporter.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use config::bounds;
use config::link::{Down, Encoder};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep};

use super::outlet::Outlet;

/// The frames of an outlet as a body. Whatever waits goes out at once, together; when nothing did for a while, what is
/// still to be acknowledged, or a heartbeat.
#[derive(Debug)]
pub(crate) struct DownBody {
    outlet: Arc<Outlet>,
    encoder: Encoder,
    heartbeat: Pin<Box<Sleep>>,
}

impl DownBody {
    pub(crate) fn new(outlet: Arc<Outlet>) -> DownBody {
        DownBody { outlet, encoder: Encoder::new(), heartbeat: Box::pin(sleep(bounds::LINK_HEARTBEAT)) }
    }

    fn write(&mut self, frame: &Down, out: &mut Vec<u8>) {
        if let Err(error) = self.encoder.down(frame, out) {
            tracing::warn!(%error, "Cannot be said to a reporter");
        }
    }
}

impl Body for DownBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut out = Vec::new();
        while out.len() < bounds::LINK_WRITE_BYTES {
            match self.outlet.poll_next(cx) {
                Poll::Ready(Some(frame)) => self.write(&frame, &mut out),
                Poll::Ready(None) if out.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if out.is_empty() {
            if self.heartbeat.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let due = self.outlet.take_ack().unwrap_or(Down::Heartbeat);
            self.write(&due, &mut out);
        } else if let Some(ack) = self.outlet.take_ack() {
            self.write(&ack, &mut out);
        }
        self.heartbeat.as_mut().reset(Instant::now() + bounds::LINK_HEARTBEAT);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))))
    }
}
