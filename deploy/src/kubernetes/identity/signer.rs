//! A cluster that issues tokens, for tests.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{Response, StatusCode};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// Who the tokens are by.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// One key of a cluster.
pub(crate) struct Signer {
    id: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub(crate) fn new(id: &str) -> Signer {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Signer { id: id.to_owned(), pair: pair.expect("the same key") }
    }

    /// The public key, as a cluster lists it.
    pub(crate) fn listed(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256", "x": encode(x), "y": encode(y) })
    }

    /// A token that says this.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_under(&json!({ "alg": "ES256", "kid": self.id }), claims)
    }

    /// The same with another header.
    pub(crate) fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).expect("it signs");
        format!("{message}.{}", encode(signature.as_ref()))
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What a token of this pod says that was issued in this second, for an hour.
pub(crate) fn claims(second: u64, namespace: &str, service_account: &str, [pod, uid]: [&str; 2]) -> Value {
    json!({
        "iss": ISSUER,
        "aud": ["rouse"],
        "sub": format!("system:serviceaccount:{namespace}:{service_account}"),
        "iat": second,
        "nbf": second,
        "exp": second + 3600,
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": { "name": service_account, "uid": "e5f1" },
            "pod": { "name": pod, "uid": uid },
        },
    })
}

/// What an apiserver answers to who asks for the keys, and how often it was asked.
#[derive(Clone, Default)]
pub(crate) struct Apiserver {
    pub(crate) keys: Arc<Mutex<Vec<Value>>>,
    pub(crate) asked: Arc<Mutex<usize>>,
    pub(crate) is_broken: Arc<Mutex<bool>>,
}

impl Apiserver {
    pub(crate) fn with(signers: &[&Signer]) -> Apiserver {
        let apiserver = Apiserver::default();
        apiserver.keys.lock().extend(signers.iter().map(|signer| signer.listed()));
        apiserver
    }

    pub(crate) fn client(&self) -> Client {
        let apiserver = self.clone();
        let answer = move |request: http::Request<Body>| std::future::ready(apiserver.answer(request.uri().path()));
        Client::new(tower::service_fn(answer), "default")
    }

    fn answer(&self, path: &str) -> Result<Response<Body>, Infallible> {
        let body = match path {
            _ if *self.is_broken.lock() => Value::Null,
            "/.well-known/openid-configuration" => {
                json!({ "issuer": ISSUER, "jwks_uri": "https://10.0.0.1/openid/v1/jwks" })
            }
            "/openid/v1/jwks" => {
                *self.asked.lock() += 1;
                json!({ "keys": *self.keys.lock() })
            }
            _ => Value::Null,
        };
        let status = if body.is_null() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        let mut answer = Response::new(Body::from(body.to_string().into_bytes()));
        *answer.status_mut() = status;
        Ok(answer)
    }
}
