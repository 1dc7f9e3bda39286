//! The same over TLS: only an autoscaler that a trusted authority signed for is told anything.

use std::sync::Arc;
use std::time::Duration;

use config::Report;
use config::link::{Token, Up};
use queue_proxy::link::{self, LinkSettings, Tls, TlsError};
use queue_proxy::net::MemoryNetwork;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::server::{ServerLink, address, serve, settings, workload};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An autoscaler at 127.0.0.1 that `authority` signed for.
fn autoscaler(network: &MemoryNetwork, authority: &CertifiedIssuer<'_, KeyPair>) -> mpsc::Receiver<ServerLink> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut listener = network.listen(address());
    let (sender, links) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Some(stream) = listener.recv().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, sender.clone());
            }
        }
    });
    links
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_with_a_certificate_that_is_trusted_is_told() {
    let network = MemoryNetwork::default();
    let authority = authority();
    let mut links = autoscaler(&network, &authority);
    let tls = Tls::trusting(authority.pem().as_bytes(), &address().to_string()).unwrap();
    let (link, _said, driver) = link::open(LinkSettings { tls: Some(tls), ..settings(&network) });
    tokio::spawn(driver);
    let mut server = links.recv().await.unwrap();
    server.next().await.expect("Hello");
    let welcome = config::link::Down::Welcome { incarnation: 1, heartbeat: Duration::from_secs(5) };
    server.say(&welcome).await;
    link.report(&workload(), Report::default());
    assert_eq!(server.reports(1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn the_token_is_read_anew_each_time_that_the_link_is_opened() {
    let network = MemoryNetwork::default();
    let authority = authority();
    let mut links = autoscaler(&network, &authority);
    let file = std::env::temp_dir().join(format!("rouse-link-token-{}", std::process::id()));
    std::fs::write(&file, "first\n").unwrap();
    let tls = Tls::trusting(authority.pem().as_bytes(), &address().to_string()).unwrap();
    let tls = Some(tls.introduced_by(file.clone()));
    let (_link, _said, driver) = link::open(LinkSettings { tls, ..settings(&network) });
    tokio::spawn(driver);
    let mut token = async || {
        let mut server = links.recv().await.unwrap();
        let Some(Up::Hello { token, .. }) = server.next().await else { panic!("no Hello") };
        server.break_off();
        token
    };
    assert_eq!(token().await, Some(Token::new("first").unwrap()));
    std::fs::write(&file, "second").unwrap();
    assert_eq!(token().await, Some(Token::new("second").unwrap()));
    std::fs::remove_file(&file).unwrap();
    let nothing = timeout(Duration::from_secs(10), token()).await;
    assert!(nothing.is_err(), "it says nothing, not nothing of itself: {nothing:?}");
    std::fs::write(&file, "third").unwrap();
    let within_a_second = timeout(Duration::from_secs(1), token()).await.unwrap();
    assert_eq!(within_a_second, Some(Token::new("third").unwrap()));
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_signed_for_is_told_nothing() {
    let network = MemoryNetwork::default();
    let mut links = autoscaler(&network, &authority());
    let tls = Tls::trusting(authority().pem().as_bytes(), &address().to_string()).unwrap();
    let (link, _said, driver) = link::open(LinkSettings { tls: Some(tls), ..settings(&network) });
    tokio::spawn(driver);
    sleep(Duration::from_secs(10)).await;
    assert!(links.try_recv().is_err());
    assert!(!link.status().is_connected);
}

#[test]
fn a_file_without_authorities_is_no_trust() {
    assert!(matches!(Tls::trusting(b"nothing", "rouse:9000"), Err(TlsError::NoCertificate)));
    let pem = authority().pem();
    assert!(Tls::trusting(pem.as_bytes(), "[::1]:9000").is_ok());
    assert!(matches!(Tls::trusting(pem.as_bytes(), "no name:9000"), Err(TlsError::BadName(..))));
}
