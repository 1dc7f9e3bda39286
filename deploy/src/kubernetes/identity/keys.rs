//! The keys with which a cluster signs its tokens (RFC 7517), and what they have signed (RFC 7518).

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use config::bounds;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;

/// The keys of one cluster, by their ids.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<String, Key>);

/// A public key. The algorithm is the key's, whatever a token says: else a public key could be taken for a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Rs256 { n: Vec<u8>, e: Vec<u8> },
    Es256(Vec<u8>),
    Es384(Vec<u8>),
}

/// What `/openid/v1/jwks` answers.
#[derive(Debug, Deserialize)]
pub(super) struct KeySet {
    keys: Vec<Listed>,
}

/// A key as it is listed. Of one that is of no use here nothing need be there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listed {
    kid: Option<String>,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    n: String,
    e: String,
    crv: String,
    x: String,
    y: String,
}

impl Keys {
    /// Those of the keys that can be used here; the first so many of them.
    pub(super) fn of(set: KeySet) -> Keys {
        let usable = set.keys.into_iter().filter_map(|listed| Some((listed.kid.clone()?, listed.key()?)));
        Keys(usable.take(bounds::TOKEN_KEYS).collect())
    }

    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Listed {
    fn key(&self) -> Option<Key> {
        let key = match (self.kty.as_str(), self.crv.as_str()) {
            ("RSA", _) => Key::Rs256 { n: number(&self.n)?, e: number(&self.e)? },
            ("EC", "P-256") => Key::Es256(self.point(32)?),
            ("EC", "P-384") => Key::Es384(self.point(48)?),
            _ => return None,
        };
        let is_meant = |said: &Option<String>, is: &str| said.as_deref().is_none_or(|said| said == is);
        (is_meant(&self.alg, key.algorithm()) && is_meant(&self.purpose, "sig")).then_some(key)
    }

    /// The uncompressed form of a point whose coordinates have so many bytes (SEC 1, 2.3.3).
    fn point(&self, bytes: usize) -> Option<Vec<u8>> {
        let [x, y] = [decode(&self.x)?, decode(&self.y)?];
        let is_whole = [&x, &y].into_iter().all(|coordinate| coordinate.len() == bytes);
        is_whole.then(|| [&[4], &x[..], &y[..]].concat())
    }
}

impl Key {
    /// The one algorithm that it is used with, as tokens name it.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Key::Rs256 { .. } => "RS256",
            Key::Es256(_) => "ES256",
            Key::Es384(_) => "ES384",
        }
    }

    /// Whether it has signed `message` thus.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Key::Rs256 { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Key::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Key::Es384(point) => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature),
        };
        verified.is_ok()
    }
}

/// The bytes that a part of a token, or of a key, stands for.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// A number without the zeros before it.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = decode(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let number = bytes[zeros..].to_vec();
    (!number.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_that_is_of_no_use_here_does_not_keep_the_others_from_being_used() {
        let set = json!({ "keys": [
            { "kty": "oct", "kid": "secret", "k": "AAAA" },
            { "kty": "RSA", "kid": "to-encrypt", "use": "enc", "n": "AQAB", "e": "AQAB" },
            { "kty": "RSA", "kid": "of-another-algorithm", "alg": "RS512", "n": "AQAB", "e": "AQAB" },
            { "kty": "RSA", "kid": "no-number", "n": "", "e": "AQAB" },
            { "kty": "EC", "kid": "short", "crv": "P-256", "x": "AQAB", "y": "AQAB" },
            { "kty": "EC", "kid": "of-another-curve", "crv": "secp256k1", "x": "AQAB", "y": "AQAB" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB" },
            { "kty": "RSA", "kid": "good", "use": "sig", "alg": "RS256", "n": "AAEAAQ", "e": "AQAB", "new": [1] },
        ]});
        let keys = Keys::of(serde_json::from_value(set).unwrap());
        assert_eq!(keys.len(), 1);
        let one = vec![1, 0, 1];
        assert_eq!(
            keys.get("good"),
            Some(&Key::Rs256 { n: one.clone(), e: one }),
            "zeros before a number are none of it"
        );
    }

    #[test]
    fn a_key_that_is_none_has_signed_nothing() {
        let keys = [Key::Rs256 { n: vec![1], e: vec![3] }, Key::Es256(vec![4; 65]), Key::Es384(Vec::new())];
        assert!(keys.iter().all(|key| !key.has_signed(b"message", &[0; 64])));
    }
}
