//! Rouse's own certificate authority: it signs for the autoscaler's port for Links and for the injector's webhook.
//!
//! Its key is in the Secret `rouse-ca` of our namespace, its certificate also in the ConfigMap of that name, for those who
//! only need to trust it. Whoever starts first makes both. What it signs is never written anywhere: each process makes its
//! own certificates and renews them (see `leaf`).

mod leaf;
mod stored;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use config::{Time, bounds};
use queue_proxy::Clock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};

use self::leaf::Renewing;
use super::said::Said;
use super::writes::{WriteError, Writes};

/// The authority's name for itself, which what it signs repeats.
const NAME: &str = "Rouse authority";

/// A name that is signed for only to see whether that works.
const TRIAL: &str = "trial.rouse.dev";

/// The authority, with its key. Cheap to clone.
#[derive(Clone)]
pub struct Authority {
    inner: Arc<Inner>,
}

struct Inner {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    clock: Clock,
}

/// Why there is no authority, or why it signs nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The apiserver does not say what is stored.
    #[error("cannot read {what}: {}", Said(.error))]
    Read {
        /// Which object.
        what: String,
        /// What the apiserver said.
        #[source]
        error: kube::Error,
    },
    /// The apiserver does not store it.
    #[error("cannot write {what}: {error}")]
    Write {
        /// Which object.
        what: String,
        /// What the apiserver said.
        #[source]
        error: WriteError,
    },
    /// The object came and went while it was read.
    #[error("{0} is made and deleted again by somebody else")]
    Unsteady(String),
    /// The Secret holds something else.
    #[error("{what}: {why}; delete it for a new one, which pods that run now will not trust")]
    Unusable {
        /// Which Secret.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// No key could be made, or nothing could be signed with it.
    #[error("cannot sign a certificate")]
    Sign(#[from] rcgen::Error),
    /// The TLS library takes neither the certificate nor its key.
    #[error("cannot serve TLS")]
    Tls(#[from] rustls::Error),
}

impl Authority {
    /// The authority of the Rouse in `namespace`. Who finds none makes it; of several who do so at once one is first, and
    /// all others take what it made. Also puts the certificate where all may read it.
    ///
    /// # Errors
    /// When the apiserver fails or refuses, or what is stored is no authority.
    pub async fn ensure(writes: &Writes, namespace: &str) -> Result<Authority, AuthorityError> {
        let clock = Clock::wall();
        let pair = stored::secret(writes, namespace, || Pair::new(clock)).await?;
        let authority = Authority::of(&pair, clock)
            .map_err(|why| AuthorityError::Unusable { what: stored::secret_name(namespace), why })?;
        stored::publish(writes, namespace, authority.pem()).await?;
        Ok(authority)
    }

    /// The authority with this certificate and key, of which each must be right and both must belong together.
    fn of(pair: &Pair, clock: Clock) -> Result<Authority, String> {
        let key = KeyPair::from_pem(&pair.key).map_err(|_| format!("{} is no private key in PEM form", stored::KEY))?;
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes())
            .map_err(|_| format!("{} is no certificate in PEM form", stored::CERTIFICATE))?;
        let issuer = Issuer::new(params(clock.now()), key);
        let authority = Authority { inner: Arc::new(Inner { pem: pair.certificate.clone(), issuer, clock }) };
        authority.try_out(certificate).map_err(|why| format!("{why}: it signs nothing that {TRIAL} could use"))?;
        Ok(authority)
    }

    /// Whether someone who trusts `certificate` trusts what is signed.
    fn try_out(&self, certificate: CertificateDer<'static>) -> Result<(), String> {
        let signed =
            leaf::signed(&self.inner.issuer, &[TRIAL.to_owned()], self.inner.clock.now(), bounds::CERTIFICATE_SKEW);
        let signed = signed.map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(|error| error.to_string())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = verifier.map_err(|error| error.to_string())?;
        let name = ServerName::try_from(TRIAL).map_err(|error| error.to_string())?;
        let now = UnixTime::since_unix_epoch(self.inner.clock.now().since(Time::ZERO));
        let end = signed.end_entity_cert().map_err(|error| error.to_string())?;
        verifier.verify_server_cert(end, &[], &name, &[], now).map(drop).map_err(|error| error.to_string())
    }

    /// Its certificate, in PEM form: who trusts it trusts all that it signs.
    pub fn pem(&self) -> &str {
        &self.inner.pem
    }

    /// TLS 1.3 for a server that is called by `names` (DNS names or addresses) and speaks `protocol` (as ALPN calls it).
    /// Its certificate is good for `lifetime`; a handshake after two thirds of it gets a new one.
    ///
    /// # Errors
    /// When a name cannot be in a certificate.
    pub fn server_config(
        &self,
        names: &[String],
        lifetime: Duration,
        protocol: &str,
    ) -> Result<Arc<ServerConfig>, AuthorityError> {
        let resolver = Renewing::new(self.clone(), names.to_vec(), lifetime)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive() // never the key
    }
}

/// An authority's certificate and private key, both in PEM form.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    /// A new one (ECDSA with P-256).
    fn new(clock: Clock) -> Result<Pair, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = params(clock.now()).self_signed(&key)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }
}

fn params(now: Time) -> CertificateParams {
    let mut params = CertificateParams::default();
    good(&mut params, now, bounds::AUTHORITY_LIFETIME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, NAME);
    params
}

/// Good from a little before `now`, since clocks differ, until `lifetime` after it.
fn good(params: &mut CertificateParams, now: Time, lifetime: Duration) {
    let at = |time: Time| rcgen::date_time_ymd(1970, 1, 1) + time.since(Time::ZERO);
    params.not_before = at(now - bounds::CERTIFICATE_SKEW);
    params.not_after = at(now + lifetime);
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
