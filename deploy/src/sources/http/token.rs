//! Tokens that a server gives to whoever shows it something (RFC 6749), each kept for as long as it is good.

use std::time::Duration;

use autoscaler::triggers::metadata::Tls;
use bytes::Bytes;
use config::bounds;
use config::defaults::triggers::SOURCE_TIMEOUT;
use config::keda::Secret;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::{Address, Asker, Credentials, Question};
use crate::sources::{OpenError, Pool};

/// So long before its end nobody begins anything with a token.
const MARGIN: Duration = Duration::from_secs(60);

/// How long an error's word may be that is shown.
const WORD: usize = 64;

/// Keeps the token of one user, for all who ask as that user.
#[derive(Debug)]
pub(in crate::sources) struct Tokens {
    asker: Asker,
    last: Mutex<Option<(Secret, Instant)>>,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    /// In seconds.
    #[serde(default)]
    expires_in: u64,
}

/// Why there is no token, as the server says it (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Tokens {
    /// Those that are given at `address`.
    pub(in crate::sources) fn at(address: Address, pool: &Pool) -> Result<Tokens, OpenError> {
        let asker = Asker::at(address, &Tls::default(), Credentials::default(), SOURCE_TIMEOUT, pool)?;
        Ok(Tokens { asker, last: Mutex::new(None) })
    }

    /// A token that is good for a minute at least. If there is none, `ways` to ask for one are tried in turn, as long as the
    /// server knows nobody by them.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub(in crate::sources) async fn token(
        &self,
        deadline: Instant,
        ways: impl FnOnce() -> Result<Vec<Question>, String>,
    ) -> Result<Secret, String> {
        let last = timeout_at(deadline, self.last.lock()).await;
        let mut last = last.map_err(|_| "no token in time".to_owned())?;
        let now = Instant::now();
        if let Some((token, until)) = &*last
            && *until > now + MARGIN
        {
            return Ok(token.clone());
        }
        let given = self.ask(ways()?, deadline).await?;
        let token = Secret::new(given.access_token);
        *last = Some((token.clone(), now + Duration::from_secs(given.expires_in)));
        Ok(token)
    }

    /// Whoever it was shown to will not have this token.
    pub(in crate::sources) fn forget(&self, token: &Secret) {
        // Whoever has the lock is about to have another.
        if let Ok(mut last) = self.last.try_lock() {
            last.take_if(|(known, _)| known == token);
        }
    }

    async fn ask(&self, ways: Vec<Question>, deadline: Instant) -> Result<Given, String> {
        let mut refused = String::new();
        for way in ways {
            let page = self.asker.ask(way, deadline).await?;
            match page.status {
                // What cannot be read may hold a token: it is not shown.
                200 => {
                    let given = serde_json::from_slice(&page.body);
                    return given.map_err(|_| format!("the token of {} is not readable", self.giver()));
                }
                status => {
                    let why = word(&page.body).map(|word| format!(", {word}")).unwrap_or_default();
                    refused = format!("{} gives no token ({status}{why})", self.giver());
                    if !matches!(status, 400 | 401) {
                        break;
                    }
                }
            }
        }
        Err(refused)
    }

    fn giver(&self) -> String {
        self.asker.address().server()
    }
}

/// A form that is posted.
pub(in crate::sources) fn form(body: String) -> Question {
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    Question {
        method: Method::POST,
        path: String::new(),
        headers: HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]),
        body: body.into(),
        most: bounds::SOURCE_NUMBER_BYTES,
    }
}

/// The error's name, which is one word.
fn word(body: &Bytes) -> Option<String> {
    let Refused { error } = serde_json::from_slice(body).ok()?;
    let is_word = error.len() <= WORD && error.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word.then_some(error)
}
