//! What a token says, and whether it is to be believed. No I/O, no clock.

use config::{Time, bounds};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::keys::{Keys, decode};
use crate::kubernetes::names;

/// Whom a token speaks for: the pod that it is bound to, by its ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The namespace of both.
    pub namespace: String,
    /// The ServiceAccount's name.
    pub service_account: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's UID.
    pub uid: String,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is no signed token, or lacks what each of a cluster's has.
    #[error("it is no token of a ServiceAccount")]
    Malformed,
    /// It is of another algorithm than its key.
    #[error("it is signed by another algorithm than its key is for")]
    Algorithm,
    /// The cluster has no such key.
    #[error("it is signed by a key that the cluster does not have")]
    UnknownKey,
    /// Its key has not signed this.
    #[error("its signature is wrong")]
    Signature,
    /// Another cluster issued it.
    #[error("it is not of this cluster")]
    Issuer,
    /// It is meant for somebody else.
    #[error("it is not for the audience {}", names::AUDIENCE)]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYet,
    /// Its pod may be forgotten before it expires.
    #[error("it is valid for longer than {:?}", bounds::TOKEN_LIFE)]
    LivesTooLong,
    /// It speaks for no pod.
    #[error("it is bound to no pod")]
    NoPod,
    /// Nothing can be verified.
    #[error("the cluster's keys are not known")]
    NoKeys,
}

impl BadToken {
    /// One word, for metrics.
    pub fn word(self) -> &'static str {
        match self {
            BadToken::Malformed => "malformed",
            BadToken::Algorithm => "algorithm",
            BadToken::UnknownKey => "unknown-key",
            BadToken::Signature => "signature",
            BadToken::Issuer => "issuer",
            BadToken::Audience => "audience",
            BadToken::Expired => "expired",
            BadToken::NotYet => "not-yet-valid",
            BadToken::LivesTooLong => "lives-too-long",
            BadToken::NoPod => "no-pod",
            BadToken::NoKeys => "no-keys",
        }
    }
}

/// What is known of the cluster that issues tokens.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) issuer: String,
    pub(super) keys: Keys,
}

/// A token taken apart (RFC 7515, compact form). Nothing that it says is read before its signature is verified.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    /// What is signed: header and payload.
    message: &'a str,
    payload: &'a str,
    header: Header,
    signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What whoever reads it must understand; nothing is understood here.
    crit: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Option<Kubernetes>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Kubernetes {
    namespace: String,
    serviceaccount: Object,
    pod: Option<Object>,
}

#[derive(Debug, Deserialize)]
struct Object {
    name: String,
    uid: String,
}

impl<'a> Signed<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Signed<'a>, BadToken> {
        let parts = token.rsplit_once('.').and_then(|(message, signature)| {
            let (header, payload) = message.split_once('.')?;
            Some((message, decode(header)?, payload, decode(signature)?))
        });
        let (message, header, payload, signature) = parts.ok_or(BadToken::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| BadToken::Malformed)?;
        if header.crit.is_some() {
            return Err(BadToken::Malformed);
        }
        Ok(Signed { message, payload, header, signature })
    }

    /// Whom it speaks for at `now`, if `cluster` has issued it for us.
    pub(super) fn verify(&self, cluster: &Cluster, now: Time) -> Result<Bearer, BadToken> {
        let key = self.header.kid.as_deref().and_then(|id| cluster.keys.get(id)).ok_or(BadToken::UnknownKey)?;
        if self.header.alg != key.algorithm() {
            return Err(BadToken::Algorithm);
        }
        if !key.has_signed(self.message.as_bytes(), &self.signature) {
            return Err(BadToken::Signature);
        }
        let payload = decode(self.payload).ok_or(BadToken::Malformed)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| BadToken::Malformed)?;
        claims.bearer(&cluster.issuer, now)
    }
}

impl Claims {
    fn bearer(self, issuer: &str, now: Time) -> Result<Bearer, BadToken> {
        if self.iss != issuer {
            return Err(BadToken::Issuer);
        }
        let is_for_us = match &self.aud {
            Audience::One(audience) => audience == names::AUDIENCE,
            Audience::Several(all) => all.iter().any(|audience| audience == names::AUDIENCE),
        };
        if !is_for_us {
            return Err(BadToken::Audience);
        }
        let (now, leeway) = (now.second(), bounds::TOKEN_LEEWAY.as_secs());
        if self.exp.saturating_add(leeway) <= now {
            return Err(BadToken::Expired);
        }
        if self.nbf.is_some_and(|from| now.saturating_add(leeway) < from) {
            return Err(BadToken::NotYet);
        }
        if self.exp.saturating_sub(now) > bounds::TOKEN_LIFE.as_secs() + leeway {
            return Err(BadToken::LivesTooLong);
        }
        let Kubernetes { namespace, serviceaccount, pod } = self.kubernetes.ok_or(BadToken::NoPod)?;
        let Object { name: pod, uid } = pod.ok_or(BadToken::NoPod)?;
        Ok(Bearer { namespace, service_account: serviceaccount.name, pod, uid })
    }
}

#[cfg(test)]
mod tests;
