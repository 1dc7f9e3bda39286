//! TLS towards the autoscaler, and the token that goes over nothing else.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::bounds;
use config::link::Token;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::Stream;

/// Whom to trust, and who the autoscaler must be.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    /// The file of the token with which the reporter introduces itself.
    token: Option<Arc<Path>>,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is no PEM, or holds no certificate.
    #[error("no certificate in PEM form")]
    NoCertificate,
    /// A certificate in it is none.
    #[error("a certificate that cannot be trusted")]
    BadCertificate(#[source] rustls::Error),
    /// The server's name cannot be in a certificate.
    #[error("{0:?} is not a name that a certificate can have")]
    BadName(String, #[source] InvalidDnsNameError),
    /// The library lacks what it needs.
    #[error("no TLS 1.3")]
    Unsupported(#[source] rustls::Error),
}

impl Tls {
    /// TLS 1.3 to `server` (`host:port`), whose certificate one of the authorities in `pem` must have signed.
    ///
    /// # Errors
    /// When `pem` holds no usable certificate, or the host is neither a name nor an address.
    pub fn trusting(pem: &[u8], server: &str) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| TlsError::NoCertificate)?;
            roots.add(certificate).map_err(TlsError::BadCertificate)?;
        }
        if roots.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let host = server.rsplit_once(':').map_or(server, |(host, _port)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|error| TlsError::BadName(host, error))?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Unsupported)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)), name, token: None })
    }

    /// The same, on which the reporter introduces itself with the token in this file. Whoever rotates it need not tell:
    /// it is read each time that the Link is opened.
    #[must_use]
    pub fn introduced_by(self, token: PathBuf) -> Tls {
        Tls { token: Some(token.into()), ..self }
    }

    /// What the file of the token holds now.
    pub(super) fn token(&self) -> Result<Option<Token>, NoToken> {
        let Some(path) = &self.token else { return Ok(None) };
        read_token(path).map(Some).map_err(|error| NoToken(path.to_path_buf(), error))
    }

    pub(super) async fn connect(&self, stream: Stream) -> std::io::Result<TlsStream<Stream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

/// The file of a token holds none.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a token from {}", .0.display())]
pub struct NoToken(PathBuf, #[source] io::Error);

/// It lies in memory (kubelet mounts a tmpfs), so that nothing waits.
fn read_token(path: &Path) -> io::Result<Token> {
    // White space around it is allowed, and what is longer need not be read to its end.
    let most = 2 * bounds::LINK_TOKEN_BYTES as u64;
    let mut text = String::new();
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Token::new(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}
