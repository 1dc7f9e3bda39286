use config::Time;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::kubernetes::identity::signer::{ISSUER, Signer, claims, encode};

/// When all tokens here were issued.
const SECOND: u64 = 1_750_000_000;

const POD: [&str; 2] = ["web-1", "7f"];

fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

fn cluster(keys: &[Value]) -> Cluster {
    let set = serde_json::from_value(json!({ "keys": keys })).unwrap();
    Cluster { issuer: ISSUER.to_owned(), keys: Keys::of(set) }
}

fn verify(token: &str, cluster: &Cluster, second: u64) -> Result<Bearer, BadToken> {
    Signed::parse(token)?.verify(cluster, at(second))
}

/// What becomes of a token whose claims were changed before it was signed.
fn of(change: impl FnOnce(&mut Value)) -> Result<Bearer, BadToken> {
    let signer = Signer::new("a");
    let mut said = claims(SECOND, "shop", "default", POD);
    change(&mut said);
    verify(&signer.sign(&said), &cluster(&[signer.listed()]), SECOND + 10)
}

#[test]
fn a_token_speaks_for_the_pod_that_it_is_bound_to() {
    let bearer = of(|_| ()).unwrap();
    let words = [&bearer.namespace, &bearer.service_account, &bearer.pod, &bearer.uid].map(String::as_str);
    assert_eq!(words, ["shop", "default", "web-1", "7f"]);
}

#[test]
fn a_token_that_kubernetes_signed_with_rsa_does_too() {
    let set: Value = serde_json::from_str(include_str!("../fixtures/rs256.jwks.json")).unwrap();
    let cluster = cluster(set["keys"].as_array().unwrap());
    let token = include_str!("../fixtures/rs256.jwt").trim();
    let bearer = verify(token, &cluster, SECOND + 10).unwrap();
    assert_eq!((bearer.namespace.as_str(), bearer.pod.as_str()), ("default", "web-6d4b75cb6d-hk4bp"));
    let parts: Vec<_> = token.split('.').collect();
    let forged = [parts[0], &encode(b"{}"), parts[2]].join(".");
    assert_eq!(verify(&forged, &cluster, SECOND + 10), Err(BadToken::Signature));
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    assert_eq!(of(|said| said["aud"] = json!(["https://kubernetes.default.svc"])), Err(BadToken::Audience));
    assert_eq!(of(|said| said["aud"] = json!("rouse-not")), Err(BadToken::Audience));
    assert_eq!(of(|said| said["aud"] = json!([])), Err(BadToken::Audience));
    assert!(of(|said| said["aud"] = json!("rouse")).is_ok());
    assert!(of(|said| said["aud"] = json!(["vault", "rouse"])).is_ok());
}

#[test]
fn a_token_is_valid_in_its_time_and_a_little_around_it() {
    let signer = Signer::new("a");
    let (token, cluster) = (signer.sign(&claims(SECOND, "shop", "default", POD)), cluster(&[signer.listed()]));
    let verdict = |second| verify(&token, &cluster, second).err();
    let leeway = bounds::TOKEN_LEEWAY.as_secs();
    assert_eq!(verdict(SECOND - leeway), None);
    assert_eq!(verdict(SECOND - leeway - 1), Some(BadToken::NotYet));
    assert_eq!(verdict(SECOND + 3600 + leeway - 1), None);
    assert_eq!(verdict(SECOND + 3600 + leeway), Some(BadToken::Expired));
}

#[test]
fn a_token_that_may_outlive_the_memory_of_its_pod_is_refused() {
    assert_eq!(of(|said| said["exp"] = json!(SECOND + 24 * 3600)), Err(BadToken::LivesTooLong));
    assert_eq!(of(|said| said["exp"] = json!(u64::MAX)), Err(BadToken::LivesTooLong));
}

#[test]
fn a_token_of_another_cluster_or_of_no_pod_is_refused() {
    assert_eq!(of(|said| said["iss"] = json!("https://elsewhere")), Err(BadToken::Issuer));
    assert_eq!(of(|said| drop(said["kubernetes.io"].as_object_mut().unwrap().remove("pod"))), Err(BadToken::NoPod));
    assert_eq!(of(|said| drop(said.as_object_mut().unwrap().remove("kubernetes.io"))), Err(BadToken::NoPod));
    assert_eq!(of(|said| drop(said.as_object_mut().unwrap().remove("exp"))), Err(BadToken::Malformed));
    assert_eq!(of(|said| said["exp"] = json!("soon")), Err(BadToken::Malformed));
}

/// What becomes of a token under another header.
fn under(header: Value) -> Result<Bearer, BadToken> {
    let signer = Signer::new("a");
    let token = signer.sign_under(&header, &claims(SECOND, "shop", "default", POD));
    verify(&token, &cluster(&[signer.listed()]), SECOND + 10)
}

#[test]
fn the_key_says_which_algorithm_it_is_for_and_not_the_token() {
    assert!(under(json!({ "alg": "ES256", "kid": "a", "typ": "JWT" })).is_ok());
    for algorithm in ["none", "None", "HS256", "RS256", "ES384", ""] {
        assert_eq!(under(json!({ "alg": algorithm, "kid": "a" })), Err(BadToken::Algorithm), "{algorithm}");
    }
    assert_eq!(under(json!({ "alg": "ES256", "kid": "b" })), Err(BadToken::UnknownKey));
    assert_eq!(under(json!({ "alg": "ES256" })), Err(BadToken::UnknownKey));
    assert_eq!(under(json!({ "alg": "ES256", "kid": "a", "crit": ["exp"] })), Err(BadToken::Malformed));
    assert_eq!(under(json!({ "kid": "a" })), Err(BadToken::Malformed));
}

#[test]
fn a_token_that_is_not_signed_or_signed_with_what_is_public_is_refused() {
    let signer = Signer::new("a");
    let cluster = cluster(&[signer.listed()]);
    let said = claims(SECOND, "shop", "default", POD);
    let message = |algorithm| {
        let header = json!({ "alg": algorithm, "kid": "a" });
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(said.to_string().as_bytes()))
    };
    assert_eq!(verify(&format!("{}.", message("none")), &cluster, SECOND), Err(BadToken::Algorithm));
    assert_eq!(verify(&format!("{}.", message("ES256")), &cluster, SECOND), Err(BadToken::Signature));
    let listed = signer.listed();
    let public = [&listed["x"], &listed["y"]].map(|part| decode(part.as_str().unwrap()).unwrap()).concat();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[&[4], &public[..]].concat());
    let message = message("HS256");
    let forged = format!("{message}.{}", encode(ring::hmac::sign(&secret, message.as_bytes()).as_ref()));
    assert_eq!(verify(&forged, &cluster, SECOND), Err(BadToken::Algorithm));
}

#[test]
fn a_key_of_the_same_name_signs_nothing_here() {
    let (ours, theirs) = (Signer::new("a"), Signer::new("a"));
    let token = theirs.sign(&claims(SECOND, "shop", "default", POD));
    assert_eq!(verify(&token, &cluster(&[ours.listed()]), SECOND), Err(BadToken::Signature));
}

proptest! {
    #[test]
    fn garbage_is_no_token(text in "[a-zA-Z0-9_.{}\"=-]{0,80}") {
        prop_assert_eq!(verify(&text, &cluster(&[]), SECOND).is_err(), true);
    }

    #[test]
    fn claims_that_are_garbage_are_refused_also_when_they_are_signed(header in ".{0,40}", payload in ".{0,40}") {
        let signer = Signer::new("a");
        prop_assert!(verify(&signer.sign(&json!(payload)), &cluster(&[signer.listed()]), SECOND).is_err());
        let token = signer.sign_under(&json!(header), &json!(payload));
        prop_assert!(verify(&token, &cluster(&[signer.listed()]), SECOND).is_err());
    }

    #[test]
    fn a_token_with_any_letter_changed_is_refused(at in any::<prop::sample::Index>(), letter in "[a-zA-Z0-9_.-]") {
        let signer = Signer::new("a");
        let token = signer.sign(&claims(SECOND, "shop", "default", POD));
        let at = at.index(token.len());
        let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        prop_assume!(changed != token);
        prop_assert!(verify(&changed, &cluster(&[signer.listed()]), SECOND).is_err());
    }
}
