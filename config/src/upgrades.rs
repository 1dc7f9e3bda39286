//! What a connection may become by HTTP/1's `Upgrade`.

use std::str::FromStr;

use serde::Serialize;

/// Protocols that a workload's app may be asked to change to (`rouse.dev/upgrades`), as the `Upgrade` header names them.
/// `websocket` always may be. `h2c` never is among them: requests inside a tunnel would be neither counted nor limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Upgrades(Vec<String>);

/// Why a text does not list protocols; the rest of a sentence that begins with the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradesError {
    /// One of them is none.
    #[error("is not a list of protocols: {0:?} is none; write spdy/3.1, tcp, each as the Upgrade header names it")]
    NoProtocol(String),
    /// One of them is HTTP/2.
    #[error("has {0}, which is never tunnelled: write protocols other than h2c, as spdy/3.1, tcp")]
    H2c(String),
    /// One of them is there already.
    #[error("has {0} twice")]
    Twice(String),
}

impl Upgrades {
    /// Those of `protocols` that may be listed.
    pub fn among(protocols: impl IntoIterator<Item = String>) -> Upgrades {
        Upgrades(protocols.into_iter().filter(|protocol| is_protocol(protocol) && !is_h2c(protocol)).collect())
    }

    /// All that are listed.
    pub fn listed(&self) -> &[String] {
        &self.0
    }

    /// Whether an app may be asked to change to `protocol`; upper and lower case are one.
    pub fn allow(&self, protocol: &str) -> bool {
        let mut allowed = std::iter::once("websocket").chain(self.0.iter().map(String::as_str));
        allowed.any(|allowed| allowed.eq_ignore_ascii_case(protocol))
    }
}

impl FromStr for Upgrades {
    type Err = UpgradesError;

    /// Reads protocols with commas between them.
    fn from_str(text: &str) -> Result<Upgrades, UpgradesError> {
        let mut listed = Upgrades::default();
        for protocol in text.split(',').map(str::trim) {
            if !is_protocol(protocol) {
                return Err(UpgradesError::NoProtocol(protocol.to_owned()));
            }
            if is_h2c(protocol) {
                return Err(UpgradesError::H2c(protocol.to_owned()));
            }
            if listed.0.iter().any(|known| known.eq_ignore_ascii_case(protocol)) {
                return Err(UpgradesError::Twice(protocol.to_owned()));
            }
            listed.0.push(protocol.to_owned());
        }
        Ok(listed)
    }
}

/// A name and, behind a slash, maybe a version, both tokens (RFC 9110, 5.6.2 and 7.8).
fn is_protocol(text: &str) -> bool {
    let is_token = |text: &str| {
        let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.bytes().all(may_be)
    };
    match text.split_once('/') {
        Some((name, version)) => is_token(name) && is_token(version),
        None => is_token(text),
    }
}

fn is_h2c(protocol: &str) -> bool {
    protocol.split('/').next().is_some_and(|name| name.eq_ignore_ascii_case("h2c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_allowed_beside_websocket_in_any_case() {
        let upgrades: Upgrades = "SPDY/3.1, tcp".parse().unwrap();
        assert_eq!(["WebSocket", "spdy/3.1", "TCP"].map(|protocol| upgrades.allow(protocol)), [true; 3]);
        assert_eq!(["spdy", "tcp/1", "h2c", ""].map(|protocol| upgrades.allow(protocol)), [false; 4]);
        assert!(Upgrades::default().allow("websocket"));
    }

    #[test]
    fn what_comes_from_elsewhere_has_no_h2c_either() {
        let upgrades = Upgrades::among(["tcp", "H2c", "h2c/1", "a b", ""].map(str::to_owned));
        assert_eq!(upgrades.listed(), ["tcp"]);
    }
}
