//! One connection to the autoscaler: name, socket, TLS, HTTP/2 and the one request on it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use config::bounds;
use config::link::{CONTENT_TYPE, PATH, TooLong, WireError};
use http::{Request, StatusCode, header};
use http_body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::LinkSettings;
use super::tls::NoToken;
use crate::net::{Network, Stream};

/// Why a Link ended, or could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The autoscaler's name leads nowhere.
    #[error("cannot resolve the name")]
    Resolve(#[source] io::Error),
    /// The reporter cannot say who it is.
    #[error(transparent)]
    Token(#[from] NoToken),
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// No TLS, or a certificate that is not trusted.
    #[error("no TLS")]
    Tls(#[source] io::Error),
    /// HTTP/2 broke.
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    /// The server there will not have it: it is no autoscaler, or not the one that decides.
    #[error("the server answers {0}")]
    Refused(StatusCode),
    /// What came is no Link.
    #[error("not a Link")]
    Wire(#[from] WireError),
    /// A name is too long to be said.
    #[error("cannot be said")]
    TooLong(#[from] TooLong),
    /// The autoscaler said nothing for [`bounds::LINK_DEAD_AFTER`] heartbeats.
    #[error("silent for too long")]
    Silent,
    /// The autoscaler ended it.
    #[error("the server ended it")]
    Ended,
}

/// The body of the request: frames, as they are said.
#[derive(Debug)]
pub(super) struct Frames(mpsc::Receiver<Bytes>);

/// An open connection. Dropping it ends whatever HTTP/2 needs tasks for.
pub(super) struct Opened {
    pub(super) requests: http2::SendRequest<Frames>,
    /// Must be polled for anything to move.
    pub(super) connection: http2::Connection<TokioIo<Box<dyn Io>>, Frames, Tasks>,
    pub(super) tasks: Ending,
}

/// Plain or TLS, so that there is one HTTP/2 client in the binary, not two.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Runs the tasks of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

/// Ends the tasks of one connection when dropped: one to a machine that is gone would wait for it for minutes.
#[derive(Debug)]
pub(super) struct Ending(Tasks);

/// Opens a connection to the autoscaler.
pub(super) async fn open(settings: &LinkSettings) -> Result<Opened, LinkError> {
    let stream = connect(settings).await?;
    let io: Box<dyn Io> = match &settings.tls {
        None => Box::new(stream),
        Some(tls) => Box::new(tls.connect(stream).await.map_err(LinkError::Tls)?),
    };
    let tasks = Tasks::default();
    let ending = Ending(tasks.clone());
    let (requests, connection) = http2::Builder::new(tasks)
        .initial_stream_window_size(bounds::H2_STREAM_WINDOW)
        .initial_connection_window_size(bounds::H2_CONNECTION_WINDOW)
        .max_send_buf_size(bounds::H2_SEND_BUFFER)
        .handshake(TokioIo::new(io))
        .await?;
    Ok(Opened { requests, connection, tasks: ending })
}

/// The one request, and where its frames go.
pub(super) fn request(settings: &LinkSettings) -> Result<(Request<Frames>, mpsc::Sender<Bytes>), LinkError> {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    // One piece at most waits here: what is said later goes into the next.
    let (sender, receiver) = mpsc::channel(1);
    let request = Request::post(format!("{scheme}://{}{PATH}", settings.server))
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .body(Frames(receiver))
        .map_err(|error| LinkError::Resolve(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    Ok((request, sender))
}

async fn connect(settings: &LinkSettings) -> Result<Stream, LinkError> {
    let addresses = resolve(settings).await.map_err(LinkError::Resolve)?;
    first_of(addresses, |address| settings.network.connect(address)).await.map_err(LinkError::Connect)
}

/// Connects to the first address that answers: one whose machine is gone says nothing at all.
async fn first_of<T, F>(addresses: Vec<SocketAddr>, connect: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(bounds::CONNECT_TIME, connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn resolve(settings: &LinkSettings) -> io::Result<Vec<SocketAddr>> {
    match &settings.network {
        Network::Tcp => Ok(tokio::net::lookup_host(&settings.server).await?.take(bounds::LINK_ADDRESSES).collect()),
        Network::Memory(_) => {
            let address = settings.server.parse().map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
            Ok(vec![address])
        }
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { drop(future.await) });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.0.lock().abort_all();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn address(last: u8) -> SocketAddr {
        ([127, 0, 0, last], 1).into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_whose_machine_is_gone_does_not_keep_the_next_from_being_tried() {
        let connect = async |tried: SocketAddr| if tried == address(1) { pending().await } else { Ok(tried) };
        let opened = timeout(bounds::CONNECT_TIME * 2, first_of(vec![address(1), address(2)], connect)).await;
        assert_eq!(opened.expect("in time").expect("one answers"), address(2));
        let gone = first_of(vec![address(1)], connect).await;
        assert_eq!(gone.expect_err("nobody answers").kind(), io::ErrorKind::TimedOut);
    }
}
