//! A URL, which may carry a password.

use std::fmt;

use config::keda::Secret;

use super::text::Refused;

/// Where a server is. What is shown of it is only its scheme, host and port: the rest of a URL may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Secret,
    shown: String,
}

impl Endpoint {
    /// Reads `scheme://…` with one of `schemes`.
    ///
    /// # Errors
    /// It is not that.
    pub(super) fn read(text: &str, schemes: &[&str]) -> Result<Endpoint, Refused> {
        let parts = text.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
        let (scheme, rest) = parts.ok_or_else(|| format!("is not a URL: it must begin with {}", begin(schemes)))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("is not a URL: it has no host".to_owned());
        }
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|_| !host.ends_with(']'));
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("is not a URL: its port is no number".to_owned());
        }
        // A password that is not escaped may have ended what looks like the host.
        let is_sure = authority.contains('@') || !rest.contains('@');
        let shown = if is_sure { format!("{scheme}://{host}") } else { format!("{scheme}://..") };
        Ok(Endpoint { url: Secret::new(text), shown })
    }

    /// All of it, for whoever connects.
    pub fn expose(&self) -> &str {
        self.url.expose()
    }

    /// `http`, `amqps`, ...
    pub fn scheme(&self) -> &str {
        self.shown.split("://").next().unwrap_or_default()
    }
}

fn begin(schemes: &[&str]) -> String {
    let all: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    all.join(" or ")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        let text = "amqp://guest:hunter2@rabbit:5672/vhost?token=hunter2";
        let endpoint = Endpoint::read(text, &["amqp"]).unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "amqp://rabbit:5672 amqp://rabbit:5672");
        assert_eq!((endpoint.expose(), endpoint.scheme()), (text, "amqp"));
        let unescaped = Endpoint::read("amqp://guest:1/2@rabbit:5672", &["amqp"]).unwrap();
        assert_eq!((unescaped.to_string(), unescaped.scheme()), ("amqp://..".to_owned(), "amqp"));
    }

    #[test]
    fn what_is_no_url_is_refused_with_what_is_one() {
        let refused = Endpoint::read("rabbit:5672", &["amqp", "http"]).unwrap_err();
        assert_eq!(refused, "is not a URL: it must begin with amqp:// or http://");
        assert_eq!(Endpoint::read("http://h:x", &["http"]), Err("is not a URL: its port is no number".to_owned()));
        for text in ["http://", "http:///x", "http://:80", "http://user@/", "http://a b/"] {
            assert_eq!(Endpoint::read(text, &["http"]), Err("is not a URL: it has no host".to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_password_is_never_shown(user in "[a-z]{0,8}", password in "[A-Z@:/?#]{12}", text in "\\PC{0,24}") {
            for url in [text.clone(), format!("http://{text}"), format!("http://{user}:X{password}X@host/{text}")] {
                if let Ok(endpoint) = Endpoint::read(&url, &["http"]) {
                    prop_assert!(!endpoint.to_string().contains(&password));
                }
            }
        }
    }
}
