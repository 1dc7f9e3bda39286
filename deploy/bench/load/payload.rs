//! Bodies that are made as they are sent, and checked as they come back.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes in one frame.
const FRAME: usize = 16 << 10;

/// What every body consists of, again and again. No two neighbouring windows of it are alike for long.
static PATTERN: [u8; FRAME] = pattern();

const fn pattern() -> [u8; FRAME] {
    let mut bytes = [0; FRAME];
    let mut at = 0;
    while at < FRAME {
        bytes[at] = (at % 251) as u8;
        at += 1;
    }
    bytes
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) bytes: usize,
    /// Without a length, as a stream.
    pub(crate) chunked: bool,
}

impl Payload {
    pub(crate) const NONE: Payload = Payload { bytes: 0, chunked: false };

    /// The body of one request.
    pub(crate) fn body(self) -> Sent {
        Sent { at: 0, payload: self }
    }
}

/// A body on its way out.
#[derive(Debug)]
pub(crate) struct Sent {
    at: usize,
    payload: Payload,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = self.payload.bytes - self.at;
        if left == 0 {
            return Poll::Ready(None);
        }
        let len = left.min(FRAME);
        self.at += len;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PATTERN[..len])))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.payload.bytes && !self.payload.chunked
    }

    fn size_hint(&self) -> SizeHint {
        if self.payload.chunked {
            SizeHint::default()
        } else {
            SizeHint::with_exact((self.payload.bytes - self.at) as u64)
        }
    }
}

/// Checks that what comes back is what was sent.
#[derive(Debug, Default)]
pub(crate) struct Echoed {
    at: usize,
    differs: bool,
}

impl Echoed {
    pub(crate) fn take(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let here = self.at % FRAME;
            let len = data.len().min(FRAME - here);
            self.differs |= data[..len] != PATTERN[here..here + len];
            self.at += len;
            data = &data[len..];
        }
    }

    pub(crate) fn is(&self, payload: Payload) -> bool {
        !self.differs && self.at == payload.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_that_differs_or_is_cut_is_noticed() {
        let payload = Payload { bytes: FRAME + 5, chunked: false };
        let mut whole = Echoed::default();
        whole.take(&PATTERN[..100]);
        whole.take(&PATTERN[100..]);
        assert!(!whole.is(payload), "it is cut");
        whole.take(&PATTERN[..5]);
        assert!(whole.is(payload));
        let mut other = Echoed::default();
        other.take(&[1; 5]);
        assert!(!other.is(Payload { bytes: 5, chunked: false }));
    }
}
