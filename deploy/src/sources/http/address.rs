//! A URL in its parts.

use std::fmt;

use config::keda::Secret;
use http::uri::Authority;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// `scheme://host:port/path?query`, without what may be said before the host.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::sources) struct Address {
    scheme: &'static str,
    authority: Authority,
    /// Without a slash at its end; empty for none.
    pub(in crate::sources) path: String,
    /// May hold secrets.
    query: Option<Secret>,
}

/// A name and a password.
pub(in crate::sources) type Login = Option<(Secret, Secret)>;

impl Address {
    /// Reads a URL with `http` or `https`, and the login in it.
    ///
    /// # Errors
    /// The rest of a sentence about the URL, without the URL.
    pub(in crate::sources) fn read(text: &str) -> Result<(Address, Login), String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => ("http", rest),
            Some(("https", rest)) => ("https", rest),
            _ => return Err("is not a URL: it must begin with http:// or https://".to_owned()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let (host, path) = before.split_at(before.find('/').unwrap_or(before.len()));
        let (login, host) = match host.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, host),
        };
        let authority = host.parse().map_err(|_| "is not a URL: its host cannot be one".to_owned())?;
        let path = path.trim_end_matches('/').to_owned();
        let query = query.filter(|query| !query.is_empty()).map(Secret::new);
        Ok((Address { scheme, authority, path, query }, login.map(read_login)))
    }

    /// The address of another host, asked for the same.
    pub(in crate::sources) fn at(&self, host: std::net::SocketAddr) -> Option<Address> {
        Some(Address { authority: host.to_string().parse().ok()?, ..self.clone() })
    }

    /// The same server, below another path.
    pub(in crate::sources) fn below(&self, path: String) -> Address {
        Address { path, query: None, ..self.clone() }
    }

    pub(in crate::sources) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Host and port, for people, and to know a server again.
    pub(in crate::sources) fn server(&self) -> String {
        format!("{}:{}", self.authority.host(), self.port())
    }

    pub(in crate::sources) fn host(&self) -> &str {
        self.authority.host()
    }

    pub(in crate::sources) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// `scheme://host:port`
    pub(in crate::sources) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// All of it, with `path` and its query after it.
    pub(super) fn url(&self, path: &str) -> String {
        let (path, more) = match path.split_once('?') {
            Some((path, more)) => (path, Some(more)),
            None => (path, None),
        };
        let mut url = format!("{}{}{path}", self.origin(), self.path);
        let queries = self.query.iter().map(|query| query.expose()).chain(more);
        for (n, query) in queries.enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.push_str(query);
        }
        url
    }
}

/// `name:password`, with `%40` for what may not stand there.
fn read_login(text: &str) -> (Secret, Secret) {
    let decoded = |part: &str| Secret::new(percent_decode_str(part).decode_utf8_lossy());
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    (decoded(name), decoded(password))
}

/// `text` as a part of a URL.
pub(in crate::sources) fn escaped(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Address, Login) {
        Address::read(text).unwrap()
    }

    #[test]
    fn a_url_in_its_parts() {
        let (address, login) = read("https://me:p%40ss@prom.example/prefix/?key=hunter2#top");
        assert_eq!(login, Some((Secret::new("me"), Secret::new("p@ss"))));
        assert_eq!((address.server().as_str(), address.path.as_str()), ("prom.example:443", "/prefix"));
        assert_eq!(address.url("/api?a=b"), "https://prom.example/prefix/api?key=hunter2&a=b");
        assert_eq!(format!("{address:?}"), "https://prom.example");
        let (address, login) = read("http://[::1]:9090");
        assert_eq!((address.server().as_str(), login), ("[::1]:9090", None));
        assert_eq!(address.url("/a"), "http://[::1]:9090/a");
    }

    #[test]
    fn what_is_no_url_is_not_shown() {
        for text in ["hunter2", "amqp://a", "http://", "http://hunter2 /", "http://a:hunter2:1/"] {
            let problem = Address::read(text).unwrap_err();
            assert!(problem.starts_with("is not a URL") && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}", user in "[a-z:@%/?#]{0,12}") {
            drop(Address::read(&text));
            drop(Address::read(&format!("http://{user}@host/{text}")));
        }
    }
}
