//! How one says who one is.

use std::fmt;

use autoscaler::triggers::metadata::HttpAuth;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use config::keda::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::address::{Login, escaped};
use crate::sources::{Key, OpenError};

/// Headers and pairs of the query that go with every request, and are shown to nobody else.
#[derive(Clone, Default)]
pub(in crate::sources) struct Credentials {
    headers: HeaderMap,
    query: Vec<(String, Secret)>,
}

impl Credentials {
    /// All of `ways` together.
    pub(in crate::sources) fn new(ways: &[HttpAuth]) -> Result<Credentials, OpenError> {
        let mut all = Credentials::default();
        for way in ways {
            match way {
                HttpAuth::Basic { username, password } => all.basic(username, password)?,
                HttpAuth::Bearer(token) => {
                    let value = secret("bearerToken", &format!("Bearer {}", token.expose()))?;
                    all.headers.insert(header::AUTHORIZATION, value);
                }
                HttpAuth::Header { name, value } => all.header("customAuthHeader", name, value)?,
                HttpAuth::Query { name, value } => all.query.push((name.clone(), value.clone())),
            }
        }
        Ok(all)
    }

    /// A header; `parameter` is where it is written.
    pub(in crate::sources) fn header(
        &mut self,
        parameter: &'static str,
        name: &str,
        value: &Secret,
    ) -> Result<(), OpenError> {
        let name: HeaderName =
            name.parse().map_err(|_| OpenError::parameter(parameter, format!("{name:?} cannot be a header's name")))?;
        self.headers.insert(name, secret(parameter, value.expose())?);
        Ok(())
    }

    /// A name and a password, unless something else is said already.
    pub(in crate::sources) fn or_login(mut self, login: Login) -> Result<Credentials, OpenError> {
        if let Some((name, password)) = login
            && !self.headers.contains_key(header::AUTHORIZATION)
        {
            self.basic(&name, &password)?;
        }
        Ok(self)
    }

    fn basic(&mut self, name: &Secret, password: &Secret) -> Result<(), OpenError> {
        let both = BASE64_STANDARD.encode(format!("{}:{}", name.expose(), password.expose()));
        self.headers.insert(header::AUTHORIZATION, secret("password", &format!("Basic {both}"))?);
        Ok(())
    }

    /// Stands for all of it.
    pub(super) fn key(&self) -> Key {
        let headers = self.headers.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        let query = self.query.iter().flat_map(|(name, value)| [name.as_bytes(), value.expose().as_bytes()]);
        Key::new(headers).with(query)
    }

    pub(super) fn in_headers(&self, headers: &mut HeaderMap) {
        headers.extend(self.headers.clone());
    }

    pub(super) fn in_query(&self, mut url: String) -> String {
        for (name, value) in &self.query {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{}={}", escaped(name), escaped(value.expose())));
        }
        url
    }
}

/// A header's value that nobody logs.
fn secret(parameter: &'static str, text: &str) -> Result<HeaderValue, OpenError> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| OpenError::parameter(parameter, "has a letter that a header may not hold"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ways: &[HttpAuth], login: Login) -> (HeaderMap, String) {
        let credentials = Credentials::new(ways).and_then(|it| it.or_login(login)).unwrap();
        let mut headers = HeaderMap::new();
        credentials.in_headers(&mut headers);
        assert!(!format!("{credentials:?} {headers:?}").contains("hunter2"));
        (headers, credentials.in_query("http://a/b".to_owned()))
    }

    #[test]
    fn each_way_to_say_who_one_is() {
        let word = || Secret::new("hunter2");
        let basic = HttpAuth::Basic { username: Secret::new("me"), password: word() };
        let custom = HttpAuth::Header { name: "X-Scope-OrgID".to_owned(), value: word() };
        let (headers, url) = said(&[basic, custom], None);
        assert_eq!(
            (&headers["authorization"], &headers["x-scope-orgid"]),
            (&"Basic bWU6aHVudGVyMg==".parse().unwrap(), &"hunter2".parse().unwrap())
        );
        assert_eq!(url, "http://a/b");
        let (headers, _) = said(&[HttpAuth::Bearer(word())], Some((Secret::new("me"), word())));
        assert_eq!(headers["authorization"], "Bearer hunter2");
        let (headers, url) = said(
            &[HttpAuth::Query { name: "api key".to_owned(), value: Secret::new("a&b") }],
            Some((Secret::new("me"), word())),
        );
        assert_eq!(
            (headers["authorization"].to_str().unwrap(), url.as_str()),
            ("Basic bWU6aHVudGVyMg==", "http://a/b?api%20key=a%26b")
        );
    }

    #[test]
    fn what_cannot_be_said_is_named_and_not_shown() {
        let problem = |way| Credentials::new(&[way]).unwrap_err().to_string();
        let lines = Secret::new("hunter2\n");
        assert_eq!(problem(HttpAuth::Bearer(lines.clone())), "bearerToken: has a letter that a header may not hold");
        let header = HttpAuth::Header { name: "no name".to_owned(), value: lines };
        assert_eq!(problem(header), "customAuthHeader: \"no name\" cannot be a header's name");
    }

    #[test]
    fn others_are_another_key() {
        let key = |token: &str| Credentials::new(&[HttpAuth::Bearer(Secret::new(token))]).unwrap().key();
        assert_ne!(key("a"), key("b"));
        assert_eq!(key("a"), key("a"));
    }
}
