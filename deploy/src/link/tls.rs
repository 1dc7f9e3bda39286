//! TLS of the autoscaler's port for Links.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// TLS 1.3 with the certificate chain and the private key of these PEM files.
///
/// # Errors
/// Which file is at fault, and why.
pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    accepting(&read(certificate)?, &read(key)?)
        .with_context(|| format!("{} and {} are no pair for TLS", certificate.display(), key.display()))
}

/// TLS 1.3 with a certificate chain and its private key, both in PEM form.
///
/// # Errors
/// When one is missing or they do not belong together.
pub fn accepting(certificate: &[u8], key: &[u8]) -> anyhow::Result<TlsAcceptor> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| anyhow::anyhow!("the certificate is not in PEM form"))?;
    if chain.is_empty() {
        bail!("there is no certificate in PEM form");
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| anyhow::anyhow!("there is no private key in PEM form"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3 is missing")?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
