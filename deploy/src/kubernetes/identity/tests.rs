use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::{advance, sleep};

use super::signer::{Apiserver, Signer, claims};
use super::*;

/// When all tokens here were issued.
const SECOND: u64 = 1_750_000_000;

fn token_of(signer: &Signer) -> Token {
    Token::new(&signer.sign(&claims(SECOND, "shop", "default", ["web-1", "7f"]))).unwrap()
}

async fn verdict(verifier: &Verifier, signer: &Signer) -> Result<String, BadToken> {
    let now = Time::from_nanos(SECOND * 1_000_000_000);
    verifier.verify(&token_of(signer), now).await.map(|bearer| bearer.pod)
}

fn ok() -> Result<String, BadToken> {
    Ok("web-1".to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_cluster_is_asked_once_and_then_nobody_waits() {
    let signer = Signer::new("a");
    let apiserver = Apiserver::with(&[&signer]);
    let verifier = Verifier::new(apiserver.client());
    let all = futures_util::future::join_all((0..100).map(|_| verdict(&verifier, &signer))).await;
    assert!(all.iter().all(|verdict| *verdict == ok()), "{all:?}");
    let at_once = verdict(&verifier, &signer).now_or_never();
    assert_eq!(at_once, Some(ok()));
    assert_eq!(*apiserver.asked.lock(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_learned_and_strangers_cannot_make_it_ask_more_than_once_in_ten_seconds() {
    let (old, new, stranger) = (Signer::new("a"), Signer::new("b"), Signer::new("c"));
    let apiserver = Apiserver::with(&[&old]);
    let verifier = Verifier::new(apiserver.client());
    verifier.prepare().await;
    apiserver.keys.lock().push(new.listed());
    advance(bounds::TOKEN_KEYS_PAUSE).await;
    assert_eq!(verdict(&verifier, &new).await, ok());
    assert_eq!(*apiserver.asked.lock(), 2);
    for _ in 0..1_000 {
        assert_eq!(verdict(&verifier, &stranger).await, Err(BadToken::UnknownKey));
        advance(Duration::from_millis(100)).await;
    }
    let asked = *apiserver.asked.lock();
    assert!((10..=12).contains(&asked), "{asked} times in 100 s");
    assert_eq!(verdict(&verifier, &old).await, ok(), "and the others are let in meanwhile");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_the_cluster_is_asked_has_others_neither_wait_nor_ask_again() {
    let signer = Signer::new("a");
    let apiserver = Apiserver::with(&[&signer]);
    let verifier = Verifier::new(apiserver.client());
    for _ in 0..100 {
        assert_eq!(verdict(&verifier, &signer).now_or_never(), None);
    }
    assert_eq!(verdict(&verifier, &signer).await, ok());
    assert_eq!(*apiserver.asked.lock(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_cluster_does_not_answer_what_it_said_before_holds() {
    let signer = Signer::new("a");
    let apiserver = Apiserver::with(&[&signer]);
    let verifier = Verifier::new(apiserver.client());
    *apiserver.is_broken.lock() = true;
    assert_eq!(verdict(&verifier, &signer).await, Err(BadToken::NoKeys));
    *apiserver.is_broken.lock() = false;
    sleep(bounds::TOKEN_KEYS_FIRST_PAUSE).await;
    assert_eq!(verdict(&verifier, &signer).await, ok(), "it is not waited for longer than that at the start");
    *apiserver.is_broken.lock() = true;
    advance(2 * bounds::TOKEN_KEYS_FRESH).await;
    assert_eq!(verdict(&verifier, &signer).await, ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_is_forgotten_in_the_end() {
    let signer = Signer::new("a");
    let apiserver = Apiserver::with(&[&signer]);
    let verifier = Verifier::new(apiserver.client());
    verifier.prepare().await;
    *apiserver.keys.lock() = vec![json!({ "kty": "EC" })];
    advance(bounds::TOKEN_KEYS_FRESH).await;
    assert_eq!(verdict(&verifier, &signer).await, Err(BadToken::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn an_apiserver_that_hangs_is_not_waited_for_longer_than_five_seconds() {
    let never = tower::service_fn(|_: http::Request<kube::client::Body>| {
        std::future::pending::<Result<http::Response<kube::client::Body>, std::convert::Infallible>>()
    });
    let verifier = Verifier::new(Client::new(never, "default"));
    let start = Instant::now();
    assert_eq!(verdict(&verifier, &Signer::new("a")).await, Err(BadToken::NoKeys));
    assert!(Instant::now() <= start + bounds::TOKEN_KEYS_TIME + Duration::from_millis(10));
}
