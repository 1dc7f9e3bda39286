//! TLS as a trigger's parameters describe it.

mod lenient;

use std::sync::Arc;

use autoscaler::triggers::metadata::{ClientCertificate, Tls};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use self::lenient::Lenient;
use super::{Key, OpenError};

/// Stands for `tls` in keys.
pub(super) fn key(tls: &Tls) -> Key {
    let client = tls.client.as_ref();
    Key::new([
        tls.ca.as_ref().map_or("", |ca| ca.expose()),
        client.map_or("", |client| client.cert.expose()),
        client.map_or("", |client| client.key.expose()),
        if tls.insecure { "insecure" } else { "" },
    ])
}

/// How a client speaks TLS 1.2 or 1.3 by `tls`: whom it trusts (`ca`, else the system's authorities, else, by `unsafeSsl`,
/// anyone) and what it shows.
///
/// # Errors
/// A certificate or key cannot be used, or the system has no authorities.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(ring::default_provider());
    let builder = builder(&provider)?;
    let builder = if tls.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient::anyone(&provider)))
    } else {
        builder.with_root_certificates(roots(tls)?)
    };
    match &tls.client {
        None => Ok(builder.with_no_client_auth()),
        Some(shown) => {
            let (chain, key) = chain_and_key(shown)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| OpenError::parameter("key", error.to_string()))
        }
    }
}

/// For a client that trusts whom the system's authorities know, whatever its name.
///
/// # Errors
/// The system has no authorities.
pub(super) fn any_name() -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Lenient::any_name(roots(&Tls::default())?, &provider);
    let verifier = verifier.map_err(|error| OpenError::parameter("tls", error.to_string()))?;
    let builder = builder(&provider)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

fn builder(provider: &Arc<CryptoProvider>) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, OpenError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions();
    builder.map_err(|error| OpenError::parameter("tls", error.to_string()))
}

/// For a client that speaks no TLS, and trusts nobody if it does.
pub(super) fn nobody() -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.unwrap_or_else(|_| unreachable!("ring has what TLS 1.2 and 1.3 need"));
    builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// Whom `tls` trusts, but for `unsafeSsl`.
fn roots(tls: &Tls) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = &tls.ca else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(OpenError::parameter("ca", "is missing, and this system has no authorities of its own"));
        }
        return Ok(roots);
    };
    for certificate in certificates("ca", ca.expose())? {
        roots.add(certificate).map_err(|error| OpenError::parameter("ca", error.to_string()))?;
    }
    Ok(roots)
}

fn chain_and_key(
    shown: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), OpenError> {
    if shown.key_password.is_some() {
        return Err(OpenError::parameter("keyPassword", "is not served: give the key without a password"));
    }
    let chain = certificates("cert", shown.cert.expose())?;
    let key = PrivateKeyDer::from_pem_slice(shown.key.expose().as_bytes());
    // What is wrong with a key is not told by showing it.
    Ok((chain, key.map_err(|_| OpenError::parameter("key", "is no private key in PEM form"))?))
}

fn certificates(name: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| OpenError::parameter(name, "is no certificate in PEM form"))
}

#[cfg(test)]
mod tests {
    use config::keda::Secret;

    use super::*;

    fn shown(pem: &str) -> ClientCertificate {
        ClientCertificate { cert: Secret::new(pem), key: Secret::new(pem), key_password: None }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_shown() {
        let problem = |tls: Tls| client_config(&tls).unwrap_err().to_string();
        let ca = Some(Secret::new("hunter2"));
        assert_eq!(problem(Tls { ca: ca.clone(), ..Tls::default() }), "ca: is no certificate in PEM form");
        let client = Some(shown("hunter2"));
        let insecure = true;
        assert_eq!(problem(Tls { client, insecure, ca: None }), "cert: is no certificate in PEM form");
        let certificate = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let pem = certificate.cert.pem();
        let client = Some(shown(&pem));
        assert_eq!(problem(Tls { client, insecure, ca: None }), "key: is no private key in PEM form");
        let mut locked = shown(&pem);
        locked.key_password = Some(Secret::new("hunter2"));
        let problem = problem(Tls { client: Some(locked), insecure, ca: None });
        assert_eq!(problem, "keyPassword: is not served: give the key without a password");
    }

    #[test]
    fn other_parameters_are_another_key() {
        let with_ca = |ca: &str| key(&Tls { ca: Some(Secret::new(ca)), ..Tls::default() });
        assert_ne!(with_ca("a"), with_ca("b"));
        assert_ne!(key(&Tls::default()), key(&Tls { insecure: true, ..Tls::default() }));
    }
}
