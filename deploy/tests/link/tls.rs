use std::sync::Arc;
use std::time::Duration;

use config::bounds;
use config::link::Down;
use deploy::link::tls::accepting;
use deploy::link::{self, Hub, Identity, LinkServer};
use queue_proxy::Clock;
use queue_proxy::link::{LinkSettings, Tls};
use queue_proxy::net::Network;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::world::{activator, address};

/// What an activator hears first from an autoscaler with a certificate for 127.0.0.1, if it trusts `other` or that one.
async fn first_word(trusts_another: bool) -> Option<Down> {
    let certificate = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let own = certificate();
    let tls = accepting(own.cert.pem().as_bytes(), own.signing_key.serialize_pem().as_bytes()).expect("a pair");
    let clock = Clock::wall();
    let (sender, _heard) = link::channel();
    let hub = Hub::new(clock, 1, bounds::SYNC_AFTER);
    let server = LinkServer::new(hub, clock, sender, Some(tls), Identity::None);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address").to_string();
    let trusted = if trusts_another { certificate() } else { own };
    let (_link, mut down, keep) = queue_proxy::link::open(LinkSettings {
        tls: Some(Tls::trusting(trusted.cert.pem().as_bytes(), &at).expect("a certificate")),
        server: at,
        reporter: activator("a"),
        workload: None,
        address: address(),
        clock,
        network: Network::Tcp,
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&server).listen(listener));
    tasks.spawn(keep);
    let wait = if trusts_another { Duration::from_millis(500) } else { Duration::from_secs(30) };
    timeout(wait, down.recv()).await.ok().flatten()
}

#[tokio::test]
async fn a_link_goes_over_tls_to_an_autoscaler_that_is_trusted_and_to_no_other() {
    assert!(matches!(first_word(false).await, Some(Down::Welcome { incarnation: 1, .. })));
    assert_eq!(first_word(true).await, None);
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let certificate = || rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
    let (one, other) = (certificate(), certificate());
    let refused = |certificate: &str, key: &str| accepting(certificate.as_bytes(), key.as_bytes()).err();
    assert!(refused(&one.cert.pem(), &other.signing_key.serialize_pem()).is_some());
    let message = refused("", &other.signing_key.serialize_pem()).map(|error| error.to_string());
    assert_eq!(message.as_deref(), Some("there is no certificate in PEM form"));
    let message = refused(&one.cert.pem(), "").map(|error| error.to_string());
    assert_eq!(message.as_deref(), Some("there is no private key in PEM form"));
}
