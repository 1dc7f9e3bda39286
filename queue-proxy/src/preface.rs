//! Which HTTP a client speaks, told by its first bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use config::bounds;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::net::Stream;

/// What every HTTP/2 connection starts with (RFC 9113, 3.4).
const HTTP2: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection turned out to be, with the bytes that were read to tell.
#[derive(Debug)]
pub(crate) enum Preface {
    Http1(Head),
    Http2(Head),
}

/// The first bytes of a connection.
#[derive(Debug)]
pub(crate) struct Head {
    bytes: [u8; HTTP2.len()],
    len: u8,
}

/// A connection whose first bytes were read already, and are read again.
#[derive(Debug)]
pub(crate) struct Begun {
    head: Head,
    /// How many bytes of the head were read again.
    at: u8,
    stream: Stream,
}

/// Reads as few bytes as it takes to tell HTTP/2 from HTTP/1.
///
/// # Errors
/// When the connection ends or stays silent for [`bounds::HEADER_READ_TIME`] before that.
pub(crate) async fn sniff(stream: &mut Stream) -> io::Result<Preface> {
    timeout(bounds::HEADER_READ_TIME, async {
        let mut head = Head { bytes: [0; HTTP2.len()], len: 0 };
        loop {
            match stream.read(&mut head.bytes[usize::from(head.len)..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => head.len += read as u8,
            }
            if head.bytes[..usize::from(head.len)] != HTTP2[..usize::from(head.len)] {
                return Ok(Preface::Http1(head));
            }
            if usize::from(head.len) == HTTP2.len() {
                return Ok(Preface::Http2(head));
            }
        }
    })
    .await?
}

impl Head {
    pub(crate) fn before(self, stream: Stream) -> Begun {
        Begun { head: self, at: 0, stream }
    }
}

impl AsyncRead for Begun {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at < this.head.len {
            let rest = &this.head.bytes[usize::from(this.at)..usize::from(this.head.len)];
            let len = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..len]);
            this.at += len as u8;
            if buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            // What follows goes into the same read: hyper would double its buffer (8 KiB more for each connection) and
            // parse twice for a request that came in two pieces.
            if let Poll::Ready(Err(error)) = Pin::new(&mut this.stream).poll_read(cx, buf) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Begun {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
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
