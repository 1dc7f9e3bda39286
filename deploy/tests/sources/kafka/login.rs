//! Logging in. This is a STUB: tansu can only be made to ask for a login when there is nobody yet who could log in. It
//! proves who says what, and that what is refused is said; SCRAM itself is proven by its standard's example, in units.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    RequestHeader, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Tansu;
use super::client::Client;
use crate::opened::{opened, pool, read, trigger, trouble, value};

/// Knows `PLAIN`, and `me` with `hunter2`; whoever is logged in is disconnected.
async fn stub() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { serve(&mut stream).await });
        }
    });
    port
}

async fn serve(stream: &mut TcpStream) -> Option<()> {
    let (number, mut asked) = next(stream).await?;
    let plain = SaslHandshakeRequest::decode(&mut asked, 1).unwrap().mechanism.as_str() == "PLAIN";
    let known = vec![StrBytes::from_static_str("PLAIN")];
    let answer = SaslHandshakeResponse::default().with_error_code(if plain { 0 } else { 33 }).with_mechanisms(known);
    say(stream, number, &answer, 1).await;
    let (number, mut asked) = next(stream).await?;
    let knows = SaslAuthenticateRequest::decode(&mut asked, 0).unwrap().auth_bytes == b"\0me\0hunter2"[..];
    let why = (!knows).then(|| StrBytes::from_static_str("Authentication failed: Invalid username or password"));
    let answer =
        SaslAuthenticateResponse::default().with_error_code(if knows { 0 } else { 58 }).with_error_message(why);
    say(stream, number, &answer, 0).await;
    next(stream).await.map(|_| ())
}

async fn next(stream: &mut TcpStream) -> Option<(i32, Bytes)> {
    next_of(stream).await.map(|(header, asked)| (header.correlation_id, asked))
}

/// The next question, and what is said of it.
pub(super) async fn next_of(stream: &mut TcpStream) -> Option<(RequestHeader, Bytes)> {
    let length = stream.read_i32().await.ok()?;
    let mut asked = vec![0; length as usize];
    stream.read_exact(&mut asked).await.ok()?;
    let mut asked = Bytes::from(asked);
    Some((decode_request_header_from_buffer(&mut asked).unwrap(), asked))
}

pub(super) async fn say(stream: &mut TcpStream, number: i32, answer: &impl Encodable, version: i16) {
    let mut said = BytesMut::from(&number.to_be_bytes()[..]);
    answer.encode(&mut said, version).unwrap();
    stream.write_i32(said.len() as i32).await.unwrap();
    stream.write_all(&said).await.unwrap();
}

#[tokio::test]
async fn a_login_is_shown_to_the_broker_and_to_nobody_else() {
    let servers = format!("127.0.0.1:{}", stub().await);
    let said = async |mechanism, password: &str| {
        let metadata = [("bootstrapServers", &*servers), ("consumerGroup", "g"), ("topic", "t"), ("sasl", mechanism)];
        let source = opened(&trigger("kafka", &metadata, &[("username", "me"), ("password", password)]), &pool());
        let said = trouble(&*source).await;
        assert!(!format!("{said}{source:?}").contains("hunter"), "{said}");
        said
    };
    let wrong = said("plaintext", "hunter3").await;
    assert!(wrong.ends_with("login refused: Authentication failed: Invalid username or password"), "{wrong}");
    assert!(said("scram_sha512", "hunter2").await.ends_with("there is no SCRAM-SHA-512, only PLAIN"));
    let right = said("plaintext", "hunter2").await;
    assert!(right.ends_with("the server closed the connection"), "{right}");
}

#[tokio::test]
async fn tls_trusts_whom_it_is_told_to() {
    let Some(tansu) = Tansu::new() else { return };
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = certificate.cert.pem();
    let port = tls_before(tansu.port, &certificate).await; // tansu's own cannot be switched on: its options exclude each other
    let _running = tansu.start_behind(port).await;
    Client::to(tansu.port).await.create("t", 1).await;
    let lag = |metadata: &[(&str, &str)], auth: &[(&str, &str)]| {
        tansu.source(port, &[&[("topic", "t"), ("tls", "enable")], metadata].concat(), auth)
    };
    assert_eq!(read(&*lag(&[], &[("ca", &pem)])).await, value(1.0, true));
    assert_eq!(read(&*lag(&[("unsafeSsl", "true")], &[])).await, value(1.0, true));
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let strange = trouble(&*lag(&[], &[("ca", &stranger)])).await;
    assert!(strange.contains("certificate"), "{strange}");
}

/// Speaks TLS for whoever listens on `port`.
async fn tls_before(port: u16, certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = rustls::pki_types::PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address.port()
}
