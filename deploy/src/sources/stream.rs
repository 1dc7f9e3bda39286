//! Bytes to a server and back, by TLS or without.

use std::io;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Trouble, cause};

/// Whatever bytes come and go by.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to `host` (a name, or an address without brackets), by TLS if there is `tls`.
pub(super) async fn connect(host: &str, port: u16, tls: Option<&TlsConnector>) -> Result<Box<dyn Stream>, Trouble> {
    let socket = TcpStream::connect((host, port)).await.map_err(broke)?;
    socket.set_nodelay(true).map_err(broke)?;
    let Some(tls) = tls else { return Ok(Box::new(socket)) };
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| Trouble::Question(format!("{host} is no name for TLS")))?;
    Ok(Box::new(tls.connect(name, socket).await.map_err(broke)?))
}

/// What `error` is about: the server, or whom one trusts.
pub(super) fn broke(error: io::Error) -> Trouble {
    if cause::is_tls(&error) {
        return Trouble::Question(error.to_string());
    }
    // What servers do to those who do not log in, or speak TLS where it is not spoken.
    let closed = error.kind() == io::ErrorKind::UnexpectedEof;
    Trouble::Server(if closed { "the server closed the connection".to_owned() } else { error.to_string() })
}
