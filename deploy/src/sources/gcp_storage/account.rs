//! A service account: its key, and what it signs.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use config::keda::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;

/// What a token is good for: reading storage.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// How long a signed statement is good for, in seconds: as long as Google allows.
const GOOD_FOR: i64 = 3600;

/// Who asks Google for tokens.
pub(super) struct Account {
    email: String,
    key_id: String,
    key: RsaKeyPair,
    /// Where one asks.
    pub(super) token_uri: String,
}

/// The file that Google gives for a service account.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
    #[serde(default = "google")]
    token_uri: String,
}

fn google() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl Account {
    /// Reads the JSON of a service account's key.
    ///
    /// # Errors
    /// The rest of a sentence about it; nothing of it is shown.
    pub(super) fn read(json: &Secret) -> Result<Account, String> {
        // serde's own message might show a part of it.
        let file: File =
            serde_json::from_str(json.expose()).map_err(|_| "is not the JSON of a service account's key".to_owned())?;
        if file.kind != "service_account" {
            return Err("is not of a service account: only its keys are served".to_owned());
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(file.private_key.as_bytes());
        let key = key.map_err(|_| "has no private_key in PEM form (PKCS#8)".to_owned())?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der());
        let key = key.map_err(|_| "has a private_key that is no RSA key of 2048 bits or more".to_owned())?;
        Ok(Account { email: file.client_email, key_id: file.private_key_id, key, token_uri: file.token_uri })
    }

    /// The statement, signed, for which Google gives a token (RFC 7523), at a time in seconds since 1970.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn statement(&self, at: i64) -> Result<Secret, String> {
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id }));
        let claims = part(json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": at, "exp": at + GOOD_FOR,
        }));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        let done = self.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature);
        done.map_err(|_| "cannot sign with the service account's key".to_owned())?;
        Ok(Secret::new(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_said_without_being_shown() {
        for (json, problem) in [
            ("hunter2", "is not the JSON of a service account's key"),
            (
                r#"{"type":"authorized_user","client_email":"hunter2"}"#,
                "is not of a service account: only its keys are served",
            ),
            (r#"{"type":"service_account","private_key":"hunter2"}"#, "has no private_key in PEM form (PKCS#8)"),
            (
                r#"{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"}"#,
                "has a private_key that is no RSA key of 2048 bits or more",
            ),
        ] {
            assert_eq!(Account::read(&Secret::new(json)).unwrap_err(), problem);
        }
    }
}
