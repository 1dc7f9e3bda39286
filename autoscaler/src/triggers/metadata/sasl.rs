//! `sasl`: how one logs in at Kafka.

use config::keda::Secret;

use super::parameters::{Parameters, anywhere, hidden};
use super::text;

/// How one logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    /// By what mechanism.
    pub mechanism: SaslMechanism,
    /// `username`; of OAuth, the client's id.
    pub username: Secret,
    /// `password`; of OAuth, the client's secret.
    pub password: Secret,
}

/// A mechanism of SASL that Rouse speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// `plaintext`
    Plain,
    /// `scram_sha256`
    ScramSha256,
    /// `scram_sha512`
    ScramSha512,
    /// `oauthbearer`: with a token that somebody gives for the client's id and secret.
    OauthBearer {
        /// `oauthTokenEndpointUri`: who.
        token_endpoint: String,
        /// `scopes`: for what.
        scopes: Vec<String>,
        /// `oauthExtensions`: what else is said at login.
        extensions: Vec<(String, String)>,
    },
}

/// What `sasl` may say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Plain,
    Sha256,
    Sha512,
    Oauth,
    /// Kerberos and AWS have identities of their own.
    NotServed,
}

const WORDS: [(&str, Word); 7] = [
    ("none", Word::None),
    ("plaintext", Word::Plain),
    ("scram_sha256", Word::Sha256),
    ("scram_sha512", Word::Sha512),
    ("oauthbearer", Word::Oauth),
    ("gssapi", Word::NotServed),
    ("aws_msk_iam", Word::NotServed),
];

/// The parameters of what is not served.
const NOT_SERVED: [&str; 8] = [
    "keytab",
    "realm",
    "kerberosConfig",
    "kerberosServiceName",
    "kerberosDisableFAST",
    "saslTokenProvider",
    "awsRegion",
    "awsEndpoint",
];

/// Whether it may be said beside the token: RFC 7628 §3.1.
fn is_extension((key, value): &(String, String)) -> bool {
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic()) && key != "auth";
    is_key && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

impl Sasl {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Sasl> {
        let asked = parameters.choice(anywhere("sasl"), &WORDS);
        let endpoint = parameters.text(anywhere("oauthTokenEndpointUri"));
        let scopes = parameters.parsed(anywhere("scopes"), |text| Ok(text::list(text, ','))).unwrap_or_default();
        let extensions = parameters.parsed_unseen(anywhere("oauthExtensions"), text::pairs).unwrap_or_default();
        let provider = parameters.text(anywhere("saslTokenProvider")).filter(|provider| provider != "bearer");
        NOT_SERVED.into_iter().chain(["username", "password"]).for_each(|name| parameters.ask(name));
        let mechanism = match asked? {
            Word::None => return None,
            Word::NotServed => {
                parameters.refuse(
                    "sasl",
                    "is not served: it must be one of plaintext, scram_sha256, scram_sha512, oauthbearer",
                );
                return None;
            }
            Word::Plain => SaslMechanism::Plain,
            Word::Sha256 => SaslMechanism::ScramSha256,
            Word::Sha512 => SaslMechanism::ScramSha512,
            Word::Oauth => {
                if provider.is_some() {
                    parameters.refuse("saslTokenProvider", "is not served: it must be bearer");
                }
                let Some(token_endpoint) = endpoint else {
                    parameters.refuse("oauthTokenEndpointUri", "is missing: sasl oauthbearer needs it");
                    return None;
                };
                // Only the key is shown: the value may be a secret.
                for (key, _) in extensions.iter().filter(|pair| !is_extension(pair)) {
                    let rule = "a key has letters only and is not auth, a value is printable (RFC 7628)";
                    parameters.refuse("oauthExtensions", format!("{key:?} cannot be said beside the token: {rule}"));
                }
                SaslMechanism::OauthBearer { token_endpoint, scopes, extensions }
            }
        };
        let secret = |text: &str| Ok(Secret::new(text));
        let name = parameters.needed_unseen(anywhere("username"), secret);
        let password = parameters.needed_unseen(hidden("password"), secret);
        Some(Sasl { mechanism, username: name?, password: password? })
    }
}
