//! Tokens of a service account, each for as long as it is good.

use std::time::Duration;

use autoscaler::triggers::metadata::Tls;
use config::bounds;
use config::defaults::triggers::SOURCE_TIMEOUT;
use config::keda::Secret;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::account::Account;
use crate::sources::http::{Address, Asker, Credentials, Question, escaped};
use crate::sources::{OpenError, Pool};

/// So long before its end nobody begins anything with a token.
const MARGIN: Duration = Duration::from_secs(60);

/// Keeps the token of one account, for all who count its objects.
#[derive(Debug)]
pub(super) struct Tokens {
    account: Account,
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

impl Tokens {
    pub(super) fn of(json: &Secret, pool: &Pool) -> Result<Tokens, OpenError> {
        const NAME: &str = "GoogleApplicationCredentials";
        let account = Account::read(json).map_err(|why| OpenError::parameter(NAME, why))?;
        let (address, _) = Address::read(&account.token_uri)
            .map_err(|why| OpenError::parameter(NAME, format!("has a token_uri that {why}")))?;
        let asker = Asker::at(address, &Tls::default(), Credentials::default(), SOURCE_TIMEOUT, pool)?;
        Ok(Tokens { account, asker, last: Mutex::new(None) })
    }

    /// A token that is good for a minute at least. The time is in seconds since 1970.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub(super) async fn token(&self, at: i64, deadline: Instant) -> Result<Secret, String> {
        let last = timeout_at(deadline, self.last.lock()).await;
        let mut last = last.map_err(|_| "no token in time".to_owned())?;
        let now = Instant::now();
        if let Some((token, until)) = &*last
            && *until > now + MARGIN
        {
            return Ok(token.clone());
        }
        let given = self.ask(at, deadline).await?;
        let token = Secret::new(given.access_token);
        *last = Some((token.clone(), now + Duration::from_secs(given.expires_in)));
        Ok(token)
    }

    /// The server will not have this token.
    pub(super) fn forget(&self, token: &Secret) {
        // Whoever has the lock is about to have another.
        if let Ok(mut last) = self.last.try_lock() {
            last.take_if(|(known, _)| known == token);
        }
    }

    async fn ask(&self, at: i64, deadline: Instant) -> Result<Given, String> {
        let statement = self.account.statement(at)?;
        let grant = escaped("urn:ietf:params:oauth:grant-type:jwt-bearer");
        let body = format!("grant_type={grant}&assertion={}", escaped(statement.expose()));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let question = Question {
            method: Method::POST,
            path: String::new(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, form)]),
            body: body.into(),
            most: bounds::SOURCE_NUMBER_BYTES,
        };
        let page = self.asker.ask(question, deadline).await?;
        match page.status {
            // What cannot be read may hold a token: it is not shown.
            200 => serde_json::from_slice(&page.body).map_err(|_| "Google's token is not readable".to_owned()),
            status => Err(format!("Google gives no token ({status}): is the service account's key still valid?")),
        }
    }
}
