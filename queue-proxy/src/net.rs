//! Connections, over TCP or within one process.
//!
//! Tests run whole systems in virtual time, without a socket: there an address leads to a listener in memory.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// Where connections to an address lead.
#[derive(Clone, Debug, Default)]
pub enum Network {
    /// Over TCP.
    #[default]
    Tcp,
    /// To listeners of the same process.
    Memory(MemoryNetwork),
}

/// An open connection.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(Tcp),
    /// Within the process.
    Memory(DuplexStream),
}

/// An open TCP connection, of which the reading half can also be watched.
#[derive(Debug)]
pub struct Tcp {
    read: Arc<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Network {
    /// Opens a connection to `address`.
    ///
    /// # Errors
    /// What the operating system says; `ConnectionRefused` when nobody listens in memory.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        match self {
            Network::Tcp => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::from(stream))
            }
            Network::Memory(network) => network.connect(address).map(Stream::Memory),
        }
    }
}

/// Connections that wait to be accepted on one listener: those of a burst, not the 128 that are usual.
const BACKLOG: u32 = 4096;

/// Listens at `address` over TCP; also right after another process did. `[::]` is every address of the machine, of both
/// families; of the one that it has, where IPv6 is missing.
///
/// # Errors
/// What the operating system says.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match listen_at(address) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && error.kind() != io::ErrorKind::AddrInUse => {
            listen_at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
        }
        listening => listening,
    }
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Listeners of one process, by address.
#[derive(Clone, Debug, Default)]
pub struct MemoryNetwork {
    listeners: Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<DuplexStream>>>>,
}

impl MemoryNetwork {
    /// Bytes that one direction of a connection holds: as a small socket buffer would.
    const PIPE: usize = 64 << 10;

    /// Listens at `address`, in place of who did before. Dropping the receiver closes it.
    pub fn listen(&self, address: SocketAddr) -> mpsc::Receiver<DuplexStream> {
        let (sender, receiver) = mpsc::channel(BACKLOG as usize);
        self.listeners.lock().insert(address, sender);
        receiver
    }

    fn connect(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = self.listeners.lock().get(&address).cloned().ok_or_else(refused)?;
        let (ours, theirs) = tokio::io::duplex(Self::PIPE);
        listener.try_send(theirs).map_err(|_| refused())?;
        Ok(ours)
    }
}

// === impl Stream ===

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Stream {
        let (read, write) = stream.into_split();
        Stream::Tcp(Tcp { read: Arc::new(read), write })
    }
}

impl Stream {
    /// Resolves when the other end has closed the connection, or its sending half, whether or not all that it sent has
    /// been read. Never where nobody can tell: within the process, on systems other than Linux, and while more waits to
    /// be read than the socket's buffer holds, for the end comes after it.
    pub fn closed_by_peer(&self) -> impl Future<Output = ()> + Send + use<> {
        let watched = match self {
            Stream::Tcp(tcp) => Some(Arc::clone(&tcp.read)),
            Stream::Memory(_) => None,
        };
        async move {
            match watched {
                #[cfg(target_os = "linux")]
                Some(read) => {
                    // Readiness to read would also come with bytes. No urgent ones are asked for when tokio registers a
                    // socket, so that what remains of this interest is the end.
                    drop(read.ready(Interest::PRIORITY).await);
                }
                _ => std::future::pending().await,
            }
        }
    }
}

impl Tcp {
    /// As [`TcpStream`] does it, whose own way needs it to itself.
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream: &TcpStream = self.read.as_ref().as_ref();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let room = buf.remaining();
            let mut outcome = Err(io::ErrorKind::WouldBlock.into());
            // A read that leaves room has emptied the socket: to say so saves the read that would find nothing.
            drop(stream.try_io(Interest::READABLE, || {
                outcome = stream.try_read_buf(buf);
                match outcome {
                    Ok(read) if 0 < read && read < room => Err(io::ErrorKind::WouldBlock.into()),
                    _ => Ok(()),
                }
            }));
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome.map(drop)),
            }
        }
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(tcp) => tcp.poll_read(cx, buf),
            Stream::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(tcp) => Pin::new(&mut tcp.write).poll_write(cx, buf),
            Stream::Memory(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(tcp) => Pin::new(&mut tcp.write).poll_write_vectored(cx, bufs),
            Stream::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Tcp(tcp) => tcp.write.is_write_vectored(),
            Stream::Memory(stream) => stream.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(tcp) => Pin::new(&mut tcp.write).poll_flush(cx),
            Stream::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(tcp) => Pin::new(&mut tcp.write).poll_shutdown(cx),
            Stream::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_is_of_both_families_where_there_are_both() {
        let listener = listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connected, accepted) =
            tokio::join!(Network::Tcp.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))), listener.accept());
        assert!(connected.is_ok() && accepted.is_ok());
        let again = listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        assert_eq!(again.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }
}
