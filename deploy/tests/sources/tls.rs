//! TLS as triggers ask for it, over HTTP and gRPC: whom they trust, and what they show.

use std::sync::Arc;

use deploy::sources::Source;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::opened::{opened, pool, read, trigger, trouble, value};
use crate::scaler::Scaler;
use crate::stub::Stub;

/// An authority, and what it has signed: certificate and key, in PEM.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    fn signs(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        roots
    }
}

/// TLS in front of a port of this machine.
struct Front {
    port: u16,
    task: AbortHandle,
}

impl Front {
    /// With a certificate for 127.0.0.1; `clients` must have theirs from that authority.
    async fn before(port: u16, authority: &Authority, clients: Option<&Authority>) -> Front {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let roots = Arc::new(clients.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let (certificate, key) = authority.signs("127.0.0.1");
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Front { port: ours, task: task.abort_handle() }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn api(front: &Front, metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> Box<dyn Source> {
    let url = format!("https://127.0.0.1:{}", front.port);
    let all = [&[("url", &*url), ("valueLocation", "n"), ("targetValue", "1")], metadata].concat();
    opened(&trigger("metrics-api", &all, auth), &pool())
}

#[tokio::test]
async fn whom_one_trusts_over_http() {
    let stub = Stub::new(|_| Some((200, r#"{"n":3}"#.to_owned()))).await;
    let (ours, others) = (Authority::new(), Authority::new());
    let front = Front::before(stub.port(), &ours, None).await;
    assert_eq!(read(&*api(&front, &[], &[("ca", &ours.pem)])).await, value(3.0, true));
    assert_eq!(read(&*api(&front, &[("unsafeSsl", "true")], &[])).await, value(3.0, true));
    let stranger = api(&front, &[], &[("ca", &others.pem)]);
    for _ in 0..2 {
        // It is a matter of who asks: the server is not left alone for it.
        let why = trouble(&*stranger).await;
        assert!(why.contains("no TLS: invalid peer certificate"), "{why}");
    }
}

#[tokio::test]
async fn what_one_shows_over_http() {
    let stub = Stub::new(|_| Some((200, r#"{"n":3}"#.to_owned()))).await;
    let (ours, clients) = (Authority::new(), Authority::new());
    let front = Front::before(stub.port(), &ours, Some(&clients)).await;
    let (cert, key) = clients.signs("client");
    let shown = [("ca", &*ours.pem), ("cert", &*cert), ("key", &*key)];
    assert_eq!(read(&*api(&front, &[("authMode", "tls")], &shown)).await, value(3.0, true));
    let (cert, key) = ours.signs("client");
    let wrong = [("ca", &*ours.pem), ("cert", &*cert), ("key", &*key)];
    trouble(&*api(&front, &[("authMode", "tls")], &wrong)).await;
    trouble(&*api(&front, &[], &[("ca", &ours.pem)])).await;
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn both_over_grpc() {
    let scaler = Scaler::new();
    let (ours, clients) = (Authority::new(), Authority::new());
    let front = Front::before(scaler.port(), &ours, Some(&clients)).await;
    let address = format!("127.0.0.1:{}", front.port);
    let (cert, key) = clients.signs("client");
    let asking = |auth: &[(&str, &str)]| {
        let metadata = [("scalerAddress", &*address), ("workload", "hello"), ("enableTLS", "true")];
        opened(&trigger("external", &metadata, auth), &pool())
    };
    let shown = [("caCert", &*ours.pem), ("tlsClientCert", &*cert), ("tlsClientKey", &*key)];
    assert_eq!(read(&*asking(&shown)).await, value(0.0, false));
    let stranger = [("caCert", &*clients.pem), shown[1], shown[2]];
    let why = trouble(&*asking(&stranger)).await;
    assert!(why.contains("no TLS: invalid peer certificate"), "{why}");
}
