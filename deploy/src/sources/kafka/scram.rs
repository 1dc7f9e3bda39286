//! SCRAM (RFC 5802, RFC 7677): a login by which neither side shows the password, and both show that they know it.

use std::num::NonZeroU32;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use config::bounds;
use config::keda::Secret;
use ring::{digest, hmac, pbkdf2};

/// Which hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

/// Why a login goes no further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("what the broker says is not SCRAM's")]
    Garbled,
    #[error("the broker wants the password hashed {asked} times; at most {} are done", bounds::SCRAM_ITERATIONS)]
    Iterations { asked: u32 },
    #[error("the broker does not know the password itself")]
    Impostor,
    #[error("the broker says: {0}")]
    Said(String),
}

/// One login.
pub(super) struct Scram {
    hash: Hash,
    password: Secret,
    /// The client's first message, without what it says about channel bindings (it has none).
    first: String,
    nonce: String,
}

/// What the broker must say in the end.
pub(super) struct Expected(Vec<u8>);

impl Scram {
    /// For `user`; `nonce` is a text without commas that nobody else can guess.
    pub(super) fn new(hash: Hash, user: &str, password: Secret, nonce: String) -> Scram {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Scram { hash, password, first: format!("n={user},r={nonce}"), nonce }
    }

    /// What the client says first.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first)
    }

    /// What the client says to the broker's `first` message, and what the broker must say to that.
    pub(super) fn last(&self, first: &[u8]) -> Result<(String, Expected), Refused> {
        let first = std::str::from_utf8(first).map_err(|_| Refused::Garbled)?;
        let (mut nonce, mut salt, mut iterations) = (None, None, None);
        for part in first.split(',') {
            match part.split_once('=') {
                Some(("r", value)) => nonce = Some(value),
                Some(("s", value)) => salt = BASE64.decode(value).ok(),
                Some(("i", value)) => iterations = value.parse().ok(),
                Some(("e", value)) => return Err(Refused::Said(value.to_owned())),
                _ => {}
            }
        }
        let nonce = nonce.filter(|nonce| nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce));
        let (Some(nonce), Some(salt), Some(iterations)) = (nonce, salt, iterations) else {
            return Err(Refused::Garbled);
        };
        if iterations > bounds::SCRAM_ITERATIONS {
            return Err(Refused::Iterations { asked: iterations });
        }
        let iterations = NonZeroU32::new(iterations).ok_or(Refused::Garbled)?;
        let last = format!("c=biws,r={nonce}"); // "n,,"
        let signed = format!("{},{first},{last}", self.first);
        let (proof, expected) = self.prove(&salt, iterations, signed.as_bytes());
        Ok((format!("{last},p={}", BASE64.encode(proof)), Expected(expected)))
    }

    /// The client's proof and the broker's signature.
    fn prove(&self, salt: &[u8], iterations: NonZeroU32, signed: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (derived, by, hash) = match self.hash {
            Hash::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256, &digest::SHA256),
            Hash::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, hmac::HMAC_SHA512, &digest::SHA512),
        };
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(derived, iterations, salt, self.password.expose().as_bytes(), &mut salted);
        let sign = |key: &[u8], what: &[u8]| hmac::sign(&hmac::Key::new(by, key), what);
        let client_key = sign(&salted, b"Client Key");
        let stored_key = digest::digest(hash, client_key.as_ref());
        let client_signature = sign(stored_key.as_ref(), signed);
        let proof = client_key.as_ref().iter().zip(client_signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = sign(&salted, b"Server Key");
        (proof, sign(server_key.as_ref(), signed).as_ref().to_vec())
    }
}

impl Expected {
    /// Whether the broker's `last` message shows that it knows the password.
    pub(super) fn check(&self, last: &[u8]) -> Result<(), Refused> {
        let last = std::str::from_utf8(last).map_err(|_| Refused::Garbled)?;
        match last.split(',').next().and_then(|part| part.split_once('=')) {
            Some(("v", value)) if BASE64.decode(value).is_ok_and(|said| said == self.0) => Ok(()),
            Some(("v", _)) => Err(Refused::Impostor),
            Some(("e", why)) => Err(Refused::Said(why.to_owned())),
            _ => Err(Refused::Garbled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677's example.
    fn example() -> Scram {
        Scram::new(Hash::Sha256, "user", Secret::new("pencil"), "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    const FIRST: &[u8] = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn it_says_what_the_standard_says() {
        let scram = example();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (last, expected) = scram.last(FIRST).unwrap();
        let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(last, proof);
        assert_eq!(expected.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
    }

    #[test]
    fn a_broker_that_does_not_know_the_password_is_an_impostor() {
        let (_, expected) = example().last(FIRST).unwrap();
        assert_eq!(expected.check(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Err(Refused::Impostor));
        assert_eq!(expected.check(b"e=invalid-proof"), Err(Refused::Said("invalid-proof".to_owned())));
        assert_eq!(expected.check(b""), Err(Refused::Garbled));
    }

    #[test]
    fn a_broker_that_asks_for_too_much_or_did_not_listen_is_refused() {
        let refused = |first: &[u8]| example().last(first).err();
        let many = b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000";
        assert_eq!(refused(many), Some(Refused::Iterations { asked: 4_000_000_000 }));
        for garbled in [&b""[..], b"r=other,s=W22Z,i=4096", b"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096", b"\xff"] {
            assert_eq!(refused(garbled), Some(Refused::Garbled));
        }
    }

    #[test]
    fn names_are_escaped() {
        let scram = Scram::new(Hash::Sha512, "a=b,c", Secret::new("x"), "N".to_owned());
        assert_eq!(scram.first(), "n,,n=a=3Db=2Cc,r=N");
    }
}
