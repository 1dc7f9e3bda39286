//! Logging in with a token. Both who gives it and the broker are STUBS: they speak as RFC 6749 and RFC 7628 have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use tokio::net::{TcpListener, TcpStream};

use super::login::{next_of, say};
use crate::opened::{opened, pool, read, trigger, trouble};
use crate::stub::{Asked, Stub};

const TOKEN: &str = "eyJ.let-me.in";

/// Takes [`TOKEN`] with what is said besides; whoever is logged in is disconnected. How often somebody was.
async fn broker() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, let_in) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&let_in);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move { serve(&mut stream, &counted).await });
        }
    });
    (port, let_in)
}

async fn serve(stream: &mut TcpStream, let_in: &AtomicUsize) -> Option<()> {
    let (header, mut asked) = next_of(stream).await?;
    assert_eq!(SaslHandshakeRequest::decode(&mut asked, 1).unwrap().mechanism.as_str(), "OAUTHBEARER");
    let known = vec![StrBytes::from_static_str("OAUTHBEARER")];
    say(stream, header.correlation_id, &SaslHandshakeResponse::default().with_mechanisms(known), 1).await;
    let (header, mut asked) = next_of(stream).await?;
    let said = SaslAuthenticateRequest::decode(&mut asked, 0).unwrap().auth_bytes;
    if said == format!("n,,\x01auth=Bearer {TOKEN}\x01logicalCluster=lkc-1\x01\x01").as_bytes() {
        let_in.fetch_add(1, Ordering::Relaxed);
        say(stream, header.correlation_id, &SaslAuthenticateResponse::default(), 0).await;
        return next_of(stream).await.map(|_| ());
    }
    let why = br#"{"status":"invalid_token"}"#.as_slice().into();
    say(stream, header.correlation_id, &SaslAuthenticateResponse::default().with_auth_bytes(why), 0).await;
    let (header, mut asked) = next_of(stream).await?;
    assert_eq!(SaslAuthenticateRequest::decode(&mut asked, 0).unwrap().auth_bytes, b"\x01"[..]);
    let why = Some(StrBytes::from_static_str("the token has expired"));
    let refused = SaslAuthenticateResponse::default().with_error_code(58).with_error_message(why);
    say(stream, header.correlation_id, &refused, 0).await;
    next_of(stream).await.map(|_| ())
}

fn given(token: &str) -> String {
    format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#)
}

/// Opens a trigger that asks `giver` for tokens, and says what trouble it has: a broker that disconnects is one.
async fn said(broker: u16, giver: &str, password: &str) -> String {
    let servers = format!("127.0.0.1:{broker}");
    let metadata = [
        ("bootstrapServers", &*servers),
        ("consumerGroup", "g"),
        ("topic", "t"),
        ("sasl", "oauthbearer"),
        ("oauthTokenEndpointUri", giver),
        ("scopes", "read,write"),
        ("oauthExtensions", "logicalCluster=lkc-1"),
    ];
    let source = opened(&trigger("kafka", &metadata, &[("username", "me"), ("password", password)]), &pool());
    let said = trouble(&*source).await;
    let again = trouble(&*source).await;
    for shown in [&said, &again, &format!("{source:?}")] {
        assert!(!shown.contains("hunter") && !shown.contains(TOKEN), "{shown}");
    }
    said
}

fn knows(asked: &Asked, login: &str, body: &str) -> bool {
    let shown = asked.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    asked.body == body && shown == login
}

#[tokio::test]
async fn a_token_is_asked_for_and_shown_to_the_broker() {
    let (broker, let_in) = broker().await;
    let giver = Stub::new(|asked| {
        // me:hunter2
        let is_right = knows(asked, "Basic bWU6aHVudGVyMg==", "grant_type=client_credentials&scope=read%20write");
        Some(if is_right { (200, given(TOKEN)) } else { (401, r#"{"error":"invalid_client"}"#.to_owned()) })
    })
    .await;
    let said = said(broker, &giver.url(), "hunter2").await;
    assert!(said.ends_with("the server closed the connection"), "{said}");
    assert_eq!((giver.asked().len(), let_in.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test]
async fn where_the_form_has_to_have_id_and_secret_it_has_them() {
    let (broker, let_in) = broker().await;
    let giver = Stub::new(|asked| {
        let body = "grant_type=client_credentials&scope=read%20write&client_id=me&client_secret=hunter2";
        Some(if knows(asked, "", body) { (200, given(TOKEN)) } else { (401, String::new()) })
    })
    .await;
    said(broker, &giver.url(), "hunter2").await;
    assert!(let_in.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn whoever_gives_no_token_is_named_and_so_is_the_reason() {
    let (broker, let_in) = broker().await;
    for (status, body, expected) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"hunter3 is wrong"}"#,
            "gives no token (401, invalid_client)",
        ),
        (404, "<html>", "gives no token (404)"),
        (500, "", "gives no token (500)"),
        (200, "hunter3", "is not readable"),
        (200, r#"{"token":"hunter3"}"#, "is not readable"),
    ] {
        let giver = Stub::new(move |_| Some((status, body.to_owned()))).await;
        let said = said(broker, &giver.url(), "hunter3").await;
        let named = said.contains(&format!("127.0.0.1:{}", giver.port()));
        assert!(named && said.contains(expected), "{said}");
    }
    assert_eq!(let_in.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_token_that_the_broker_refuses_is_not_kept() {
    let (broker, let_in) = broker().await;
    let asked = AtomicUsize::new(0);
    let giver = Stub::new(move |_| {
        let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        Some((200, given(if is_first { "eyJ.old" } else { TOKEN })))
    })
    .await;
    let said = said(broker, &giver.url(), "hunter2").await;
    assert!(said.ends_with("login refused: the token has expired"), "{said}");
    assert_eq!((giver.asked().len(), let_in.load(Ordering::Relaxed) > 0), (2, true), "the next one is taken");
}

#[tokio::test]
async fn a_giver_that_hangs_takes_no_longer_than_a_read_may() {
    let (broker, _) = broker().await;
    let giver = Stub::new(|_| None).await;
    let servers = format!("127.0.0.1:{broker}");
    let url = giver.url();
    let metadata = [
        ("bootstrapServers", &*servers),
        ("consumerGroup", "g"),
        ("topic", "t"),
        ("sasl", "oauthbearer"),
        ("oauthTokenEndpointUri", &*url),
    ];
    let source = opened(&trigger("kafka", &metadata, &[("username", "me"), ("password", "hunter2")]), &pool());
    assert!(format!("{:?}", read(&*source).await).contains("Failed"));
}
