//! What the authority signs: certificates of servers, made and renewed within the process that serves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use config::Time;
use parking_lot::Mutex;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::{Authority, AuthorityError, good};
use crate::exposition;

/// A certificate for `names`, and a key of its own, good for `lifetime` from `now` on.
pub(super) fn signed(
    issuer: &Issuer<'static, KeyPair>,
    names: &[String],
    now: Time,
    lifetime: Duration,
) -> Result<CertifiedKey, AuthorityError> {
    let mut params = CertificateParams::new(names)?;
    good(&mut params, now, lifetime);
    params.distinguished_name.push(DnType::CommonName, "Rouse");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    let key = any_ecdsa_type(&PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// The certificate of one server. It is looked at when somebody connects: an idle server has no timer.
pub(super) struct Renewing {
    authority: Authority,
    names: Vec<String>,
    lifetime: Duration,
    leaf: Mutex<Leaf>,
}

struct Leaf {
    certified: Arc<CertifiedKey>,
    renew_at: Time,
}

impl Renewing {
    pub(super) fn new(
        authority: Authority,
        names: Vec<String>,
        lifetime: Duration,
    ) -> Result<Renewing, AuthorityError> {
        let leaf = Mutex::new(Leaf::new(&authority, &names, lifetime)?);
        Ok(Renewing { authority, names, lifetime, leaf })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut leaf = self.leaf.lock();
        if self.authority.inner.clock.now() >= leaf.renew_at {
            match Leaf::new(&self.authority, &self.names, self.lifetime) {
                Ok(new) => {
                    info!("the certificate of {} is renewed", self.names.join(", "));
                    *leaf = new;
                }
                // The old one is good for a third of its life yet; who connects next tries again.
                Err(error) => warn!("the certificate of {} is not renewed: {error}", self.names.join(", ")),
            }
        }
        Arc::clone(&leaf.certified)
    }
}

impl Leaf {
    fn new(authority: &Authority, names: &[String], lifetime: Duration) -> Result<Leaf, AuthorityError> {
        let now = authority.inner.clock.now();
        let certified = Arc::new(signed(&authority.inner.issuer, names, now, lifetime)?);
        exposition::certificate_made(now + lifetime);
        Ok(Leaf { certified, renew_at: now + lifetime / 3 * 2 })
    }
}

impl ResolvesServerCert for Renewing {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").field("names", &self.names).finish_non_exhaustive() // never the key
    }
}
