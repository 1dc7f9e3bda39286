//! OAUTHBEARER (RFC 7628): one shows a token that somebody else gives for a client's id and secret (RFC 6749 §4.4).

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use config::defaults::triggers::SOURCE_TIMEOUT;
use config::keda::Secret;
use http::{HeaderValue, header};
use tokio::time::Instant;

use super::OpenError;
use crate::sources::http::{Address, Question, Tokens, escaped, form};
use crate::sources::{Key, Pool};

/// Who gives tokens, for what, and what is said besides.
pub(super) struct OAuth {
    tokens: Arc<Tokens>,
    scopes: String,
    extensions: Vec<(String, String)>,
}

impl OAuth {
    /// With tokens of the endpoint, which the whole login shares: a client is one cluster and one user.
    pub(super) fn new(
        endpoint: &str,
        scopes: &[String],
        extensions: &[(String, String)],
        pool: &Pool,
    ) -> Result<OAuth, OpenError> {
        let (address, _) = Address::read(endpoint).map_err(|why| OpenError::parameter("oauthTokenEndpointUri", why))?;
        let tokens = Arc::new(Tokens::at(address, pool)?);
        Ok(OAuth { tokens, scopes: scopes.join(" "), extensions: extensions.to_vec() })
    }

    /// A token for this id and secret.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub(super) async fn token(&self, id: &Secret, secret: &Secret) -> Result<Secret, String> {
        self.tokens.token(Instant::now() + SOURCE_TIMEOUT, || Ok(ways(id, secret, &self.scopes))).await
    }

    pub(super) fn forget(&self, token: &Secret) {
        self.tokens.forget(token);
    }

    /// What the client says first.
    pub(super) fn first(&self, token: &Secret) -> String {
        let pair = |(key, value): &(String, String)| format!("{key}={value}\x01");
        let extensions: String = self.extensions.iter().map(pair).collect();
        format!("n,,\x01auth=Bearer {}\x01{extensions}\x01", token.expose())
    }
}

/// Stands for what a login with these says.
pub(super) fn key(endpoint: &str, scopes: &[String], extensions: &[(String, String)]) -> Key {
    let pairs = extensions.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    Key::new([endpoint, &scopes.join(" ")]).with(pairs)
}

/// How one asks: with the client's name and password as every server must take them (RFC 6749 §2.3.1), and where that is
/// refused in the form, as some want them.
fn ways(id: &Secret, secret: &Secret, scopes: &str) -> Vec<Question> {
    let [name, password] = [id, secret].map(|text| escaped(text.expose()).to_string());
    let scope = if scopes.is_empty() { String::new() } else { format!("&scope={}", escaped(scopes)) };
    let body = format!("grant_type=client_credentials{scope}");
    let both = format!("{body}&client_id={name}&client_secret={password}");
    let mut basic = form(body);
    let login = format!("Basic {}", BASE64.encode(format!("{name}:{password}")));
    let mut login = HeaderValue::try_from(login).expect("Base64 can be a header");
    login.set_sensitive(true);
    basic.headers.insert(header::AUTHORIZATION, login);
    vec![basic, form(both)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_what_is_said_besides() {
        let extensions = [("logicalCluster", "lkc-1"), ("identityPoolId", "pool-2")];
        let extensions = extensions.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let oauth = |extensions| OAuth::new("https://example.com/token", &[], extensions, &pool()).unwrap();
        let token = Secret::new("vF9dft4qmT");
        // The example of RFC 7628 §4.1, without its host and port.
        assert_eq!(oauth(&[]).first(&token), "n,,\x01auth=Bearer vF9dft4qmT\x01\x01");
        let first = oauth(&extensions).first(&token);
        assert_eq!(first, "n,,\x01auth=Bearer vF9dft4qmT\x01logicalCluster=lkc-1\x01identityPoolId=pool-2\x01\x01");
    }

    #[test]
    fn id_and_secret_are_shown_both_ways_and_escaped() {
        let ways = ways(&Secret::new("me"), &Secret::new("a:b/c"), "read write");
        let login = ways[0].headers[header::AUTHORIZATION].to_str().unwrap();
        assert_eq!(login, format!("Basic {}", BASE64.encode("me:a%3Ab%2Fc")));
        assert_eq!(ways[0].body, "grant_type=client_credentials&scope=read%20write");
        assert!(!ways[1].headers.contains_key(header::AUTHORIZATION));
        let expected = "grant_type=client_credentials&scope=read%20write&client_id=me&client_secret=a%3Ab%2Fc";
        assert_eq!(ways[1].body, expected);
    }

    fn pool() -> Arc<Pool> {
        Pool::new(crate::sources::PoolSettings::default())
    }
}
