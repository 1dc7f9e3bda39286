//! What all triggers have in common that ask over HTTP, and how one shows who one is.

use std::time::Duration;

use config::bounds;
use config::defaults::triggers as defaults;
use config::keda::Secret;

use super::parameters::{Name, Parameters, anywhere, hidden, plain};
use super::text;

/// How a server is asked over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// `timeout` (3 s): how long an answer may take.
    pub timeout: Duration,
    /// What is shown to the server, and asked of it.
    pub tls: Tls,
    /// `authModes`: how one says who one is.
    pub auth: Vec<HttpAuth>,
}

/// One way to say who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// `basic`: a name and a password, which may be empty.
    Basic {
        /// `username`.
        username: Secret,
        /// `password`.
        password: Secret,
    },
    /// `bearer`: a token.
    Bearer(Secret),
    /// `custom`: a header.
    Header {
        /// `customAuthHeader`.
        name: String,
        /// `customAuthValue`.
        value: Secret,
    },
    /// `apiKey`, in the query of the URL; in a header it is a [`HttpAuth::Header`].
    Query {
        /// `keyParamName` (`api_key`).
        name: String,
        /// `apiKey`.
        value: Secret,
    },
}

/// What a TLS connection needs beyond the system's roots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `ca`: whom to trust instead, in PEM.
    pub ca: Option<Secret>,
    /// `cert` and `key`: what to show, in PEM. Both or none.
    pub client: Option<ClientCertificate>,
    /// `unsafeSsl`: whoever answers is trusted.
    pub insecure: bool,
}

/// A certificate that is shown to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `cert`.
    pub cert: Secret,
    /// `key`.
    pub key: Secret,
    /// `keyPassword`: what the key is encrypted with.
    pub key_password: Option<Secret>,
}

impl Tls {
    /// Reads `ca`, `cert`, `key`, `keyPassword` and `unsafeSsl`.
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Tls {
        Tls::named(parameters, ["ca", "cert", "key"])
    }

    /// As [`Tls::read`], where the first three have other names.
    pub(super) fn named(parameters: &mut Parameters<'_>, [ca, cert, key]: [&'static str; 3]) -> Tls {
        let (cert_given, key_given) = (parameters.secret(hidden(cert)), parameters.secret(hidden(key)));
        let key_password = parameters.secret(hidden("keyPassword"));
        let client = match (cert_given, key_given) {
            (Some(cert), Some(key)) => Some(ClientCertificate { cert, key, key_password }),
            (None, None) => None,
            (Some(_), None) => {
                parameters.refuse(key, format!("is missing: {cert} needs it"));
                None
            }
            (None, Some(_)) => {
                parameters.refuse(cert, format!("is missing: {key} needs it"));
                None
            }
        };
        Tls { ca: parameters.secret(hidden(ca)), client, insecure: parameters.switch(plain("unsafeSsl")) }
    }
}

/// `timeout`, and what a tutorial calls it.
const TIMEOUT: Name = plain("timeout").instead(&["queryTimeout"]);

/// Reads `timeout`.
pub(super) fn timeout(parameters: &mut Parameters<'_>) -> Duration {
    let read = parameters.parsed(TIMEOUT, |text| {
        let timeout = text::duration(text)?;
        let allowed = bounds::SOURCE_TIMEOUTS;
        let (least, most) = (allowed.start().as_millis(), allowed.end().as_secs());
        let refused = || format!("is out of range: it must be from {least}ms to {most}s");
        if allowed.contains(&timeout) { Ok(timeout) } else { Err(refused()) }
    });
    read.unwrap_or(defaults::SOURCE_TIMEOUT)
}

impl Http {
    /// Reads all of it. `name` is the parameter that says how one says who one is, by one of `modes` or several.
    pub(super) fn read(parameters: &mut Parameters<'_>, name: Name, modes: &[&str]) -> Http {
        let timeout = timeout(parameters);
        let tls = Tls::read(parameters);
        let asked: Vec<String> = parameters.parsed(name, |text| chosen(text, modes)).unwrap_or_default();
        if asked.iter().any(|mode| mode == "tls") && tls.client.is_none() {
            parameters.refuse(name.name(), "has tls, which needs cert and key of a TriggerAuthentication");
        }
        let auth = asked.iter().filter_map(|mode| HttpAuth::read(mode, parameters)).collect();
        // Those of other ways are known, too.
        UNUSED.into_iter().for_each(|name| parameters.ask(name));
        Http { timeout, tls, auth }
    }
}

const UNUSED: [&str; 8] =
    ["username", "password", "bearerToken", "customAuthHeader", "customAuthValue", "apiKey", "method", "keyParamName"];

fn chosen(text: &str, modes: &[&str]) -> Result<Vec<String>, String> {
    let asked = text::list(text, ',');
    if asked.iter().any(|mode| !modes.contains(&mode.as_str())) {
        return Err(format!("is not allowed: it must be of {}", modes.join(", ")));
    }
    let is_asked = |mode: &str| asked.iter().any(|asked| asked == mode);
    if is_asked("basic") && is_asked("bearer") {
        return Err("has both basic and bearer: there is one header for them".to_owned());
    }
    Ok(asked)
}

impl HttpAuth {
    fn read(mode: &str, parameters: &mut Parameters<'_>) -> Option<HttpAuth> {
        let secret = |text: &str| Ok(Secret::new(text));
        match mode {
            "basic" => {
                let password = parameters.secret(hidden("password")).unwrap_or_default();
                Some(HttpAuth::Basic { username: parameters.needed_unseen(anywhere("username"), secret)?, password })
            }
            "bearer" => parameters.needed(hidden("bearerToken"), secret).map(HttpAuth::Bearer),
            "custom" => {
                let name = parameters.needed_text(anywhere("customAuthHeader"));
                let value = parameters.needed(hidden("customAuthValue"), secret);
                Some(HttpAuth::Header { name: name?, value: value? })
            }
            "apiKey" => {
                let in_query = parameters.choice(plain("method"), &[("header", false), ("query", true)]);
                let name = parameters.text(plain("keyParamName"));
                let value = parameters.needed(hidden("apiKey"), secret)?;
                Some(match in_query.unwrap_or(false) {
                    true => HttpAuth::Query { name: name.unwrap_or_else(|| "api_key".to_owned()), value },
                    false => HttpAuth::Header { name: name.unwrap_or_else(|| "X-API-KEY".to_owned()), value },
                })
            }
            _ => None, // `tls` is in the connection itself
        }
    }
}
