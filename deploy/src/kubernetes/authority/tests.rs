//! What is signed, who trusts it, and how it is renewed; what is stored is in `tests/injector`.

use rustls::pki_types::ServerName;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::advance;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

const NAME: &str = "rouse-injector.rouse-system.svc";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A client's clock, which runs in the test's time.
#[derive(Debug)]
struct Virtual(Clock);

impl TimeProvider for Virtual {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.now().since(Time::ZERO)))
    }
}

fn authority(clock: Clock) -> Authority {
    Authority::of(&Pair::new(clock).unwrap(), clock).unwrap()
}

/// The certificate that a client which trusts `pem` and asks for `name` is shown now, if it accepts it.
async fn shown(server: &Arc<ServerConfig>, pem: &str, name: &'static str, clock: Clock) -> Result<Vec<u8>, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let mut client = ClientConfig::builder_with_details(provider(), Arc::new(Virtual(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let accepted = TlsAcceptor::from(Arc::clone(server)).accept(theirs);
    let connector = TlsConnector::from(Arc::new(client));
    let connected = connector.connect(ServerName::try_from(name).unwrap(), ours);
    let (_served, connected) = tokio::join!(accepted, connected);
    let connected = connected.map_err(|error| error.to_string())?;
    Ok(connected.get_ref().1.peer_certificates().unwrap()[0].to_vec())
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_renewed_when_two_thirds_of_its_life_are_over() {
    let clock = Clock::wall();
    let authority = authority(clock);
    let server = authority.server_config(&[NAME.to_owned()], 30 * DAY, "h2").unwrap();
    let now = async || shown(&server, authority.pem(), NAME, clock).await.unwrap();
    let first = now().await;
    advance(19 * DAY).await;
    assert_eq!(now().await, first);
    advance(DAY).await;
    let second = now().await;
    assert_ne!(second, first, "renewed, at the first handshake after 20 days");
    assert_eq!(now().await, second);
    advance(400 * DAY).await;
    assert_ne!(now().await, second, "nobody called for a year: whoever does is shown one that is good");
}

#[tokio::test(start_paused = true)]
async fn only_the_authoritys_own_word_counts_and_only_for_the_names_it_was_asked_for() {
    let clock = Clock::wall();
    let (ours, another) = (authority(clock), authority(clock));
    let server = ours.server_config(&[NAME.to_owned(), "127.0.0.1".to_owned()], DAY, "h2").unwrap();
    assert!(shown(&server, ours.pem(), "127.0.0.1", clock).await.is_ok());
    assert!(shown(&server, ours.pem(), "rouse-autoscaler.rouse-system.svc", clock).await.is_err());
    let error = shown(&server, another.pem(), NAME, clock).await.unwrap_err();
    assert!(error.contains("BadSignature") || error.contains("UnknownIssuer"), "{error}");
}

#[test]
fn what_is_stored_must_be_an_authority_with_its_own_key() {
    let clock = Clock::wall();
    let (one, other) = (Pair::new(clock).unwrap(), Pair::new(clock).unwrap());
    let refused = |certificate: &str, key: &str| {
        let pair = Pair { certificate: certificate.to_owned(), key: key.to_owned() };
        Authority::of(&pair, clock).unwrap_err()
    };
    assert_eq!(refused("x", &one.key), "ca.crt is no certificate in PEM form");
    assert_eq!(refused(&one.certificate, "x"), "ca.key is no private key in PEM form");
    let message = refused(&one.certificate, &other.key);
    assert!(message.contains("it signs nothing"), "{message}");

    let leaf = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let message = refused(&leaf.cert.pem(), &leaf.signing_key.serialize_pem());
    assert!(message.contains("it signs nothing"), "{message}");
}
