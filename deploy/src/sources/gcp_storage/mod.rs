//! `gcp-storage`: how many objects a bucket has, page by page.

mod account;

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::gcp_storage::Count;
use autoscaler::triggers::metadata::{self, GcpCredentials, Tls};
use config::bounds;
use config::defaults::triggers::SOURCE_TIMEOUT;
use config::keda::Secret;
use futures_core::future::BoxFuture;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use tokio::time::Instant;

use self::account::Account;
use super::http::{Address, Asker, Credentials, Question, Tokens, escaped, form};
use super::{Answer, Key, Look, OpenError, Pool, Server, Slot, Source};

/// Objects that are asked for at once: as many as Google gives.
const PAGE: u64 = 1_000;

#[derive(Debug)]
pub(super) struct GcpStorage {
    trigger: metadata::GcpStorage,
    asker: Asker,
    account: Account,
    tokens: Arc<Tokens>,
    key: Key,
    slot: Arc<Slot<Count>>,
}

/// A page of `storage.objects.list`.
#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    items: Vec<Object>,
    #[serde(default, rename = "nextPageToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Object {
    /// In bytes; a number in text.
    #[serde(default)]
    size: String,
}

impl GcpStorage {
    pub(super) fn open(trigger: &metadata::GcpStorage, pool: &Arc<Pool>) -> Result<GcpStorage, OpenError> {
        let (address, _) = Address::read(&pool.settings().google_storage)
            .map_err(|why| OpenError::parameter("the address of Google Cloud Storage", why))?;
        let asker = Asker::at(address, &Tls::default(), Credentials::default(), SOURCE_TIMEOUT, pool)?;
        let json = match &trigger.credentials {
            GcpCredentials::Json(json) => json.clone(),
            GcpCredentials::File(path) => {
                let json = std::fs::read_to_string(path);
                let name = "credentialsFromEnvFile";
                Secret::new(json.map_err(|error| OpenError::parameter(name, format!("cannot read {path:?}: {error}")))?)
            }
        };
        const NAME: &str = "GoogleApplicationCredentials";
        let who = Key::new(["service account", json.expose()]);
        let account = Account::read(&json).map_err(|why| OpenError::parameter(NAME, why))?;
        let (giver, _) = Address::read(&account.token_uri)
            .map_err(|why| OpenError::parameter(NAME, format!("has a token_uri that {why}")))?;
        let tokens = pool.share(who, || Tokens::at(giver, pool))?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let what = [trigger.bucket.clone(), text(&trigger.prefix), text(&trigger.delimiter), trigger.most.to_string()];
        let key = asker.key().with([who]).with(what);
        let slot = pool.slot(key)?;
        Ok(GcpStorage { trigger: trigger.clone(), asker, account, tokens, key, slot })
    }

    /// Counts until there is no further page, or enough.
    async fn count(&self, at: i64, deadline: Instant) -> Result<Count, String> {
        let mut count = Count::up_to(self.trigger.most);
        let mut next = None;
        loop {
            let token = self.token(at, deadline).await?;
            let page = self.asker.ask(self.question(next.as_deref(), &token)?, deadline).await?;
            match page.status {
                200 => {}
                404 => {
                    return Err(format!(
                        "Google Cloud Storage answered 404: there is no bucket {:?}",
                        self.trigger.bucket
                    ));
                }
                401 => {
                    self.tokens.forget(&token);
                    return Err(refused(page.status));
                }
                status => return Err(refused(status)),
            }
            let listed: Listed = serde_json::from_slice(&page.body)
                .map_err(|error| format!("Google Cloud Storage's answer is not readable: {error}"))?;
            let more = count.page(listed.items.iter().filter_map(|object| object.size.parse().ok()));
            match listed.next.filter(|next| more && !next.is_empty()) {
                Some(token) => next = Some(token),
                None => return Ok(count),
            }
        }
    }

    /// A token for what the account has signed; the time is in seconds since 1970.
    async fn token(&self, at: i64, deadline: Instant) -> Result<Secret, String> {
        let signed = || {
            let statement = self.account.statement(at)?;
            let grant = escaped("urn:ietf:params:oauth:grant-type:jwt-bearer");
            Ok(vec![form(format!("grant_type={grant}&assertion={}", escaped(statement.expose())))])
        };
        let token = self.tokens.token(deadline, signed).await;
        token.map_err(|why| format!("{why}: is the service account's key still valid?"))
    }

    fn question(&self, next: Option<&str>, token: &Secret) -> Result<Question, String> {
        let metadata::GcpStorage { bucket, prefix, delimiter, most, .. } = &self.trigger;
        let page = PAGE.min(*most);
        let mut path =
            format!("/storage/v1/b/{}/o?fields=nextPageToken,items(size)&maxResults={page}", escaped(bucket));
        let more = [("prefix", prefix.as_deref()), ("delimiter", delimiter.as_deref()), ("pageToken", next)];
        for (name, value) in more.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            path.push_str(&format!("&{name}={}", escaped(value)));
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| "the token that Google gave cannot be used".to_owned())?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        Ok(Question { path, headers, most: bounds::SOURCE_ANSWER_BYTES, ..Question::default() })
    }
}

fn refused(status: u16) -> String {
    let advice = if matches!(status, 401 | 403) { ": the service account may not list this bucket" } else { "" };
    format!("Google Cloud Storage answered {status}{advice}")
}

impl Source for GcpStorage {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let deadline = self.asker.deadline();
            let count = self.slot.read(look, deadline, self.count(look.at, deadline)).await;
            count.map_or_else(Reading::Failed, |count| count.reading(self.trigger.activation as f64)).into()
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asker.server())
    }
}
