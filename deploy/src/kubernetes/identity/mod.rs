//! Who shows a token: verified here, by the cluster's public keys, without asking anybody.

mod keys;
mod token;

use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use config::link::Token;
use config::{Time, bounds};
use http::Request;
use kube::Client;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use keys::{KeySet, Keys};
pub use token::{BadToken, Bearer};
use token::{Cluster, Signed};

/// Where a cluster says who issues its tokens.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Where it has its keys. Any ServiceAccount may read both.
const KEYS: &str = "/openid/v1/jwks";

/// Verifies tokens of ServiceAccounts that are bound to pods and meant for [`crate::kubernetes::names::AUDIENCE`].
///
/// The cluster is asked for its issuer and keys when the first token comes, when one comes that is of another key or issuer,
/// and when they are older than [`bounds::TOKEN_KEYS_FRESH`]; not again within [`bounds::TOKEN_KEYS_PAUSE`], so that nobody
/// can make us ask. While the cluster does not answer, what it said before holds. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    state: Mutex<State>,
    /// An attempt to ask the cluster has ended.
    asked: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    cluster: Option<(Arc<Cluster>, Instant)>,
    /// When the last attempt ended.
    tried: Option<Instant>,
    is_asking: bool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

impl Verifier {
    /// For the tokens of the cluster to which `client` leads.
    pub fn new(client: Client) -> Verifier {
        Verifier { shared: Arc::new(Shared { client, state: Mutex::default(), asked: watch::Sender::new(()) }) }
    }

    /// Asks the cluster for its keys, so that nobody waits for them later.
    pub async fn prepare(&self) {
        self.refreshed().await;
    }

    /// Whom `token` speaks for, when it is `now` by the machine's clock.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn verify(&self, token: &Token, now: Time) -> Result<Bearer, BadToken> {
        let signed = Signed::parse(token.secret())?;
        let known = self.shared.state.lock().cluster.clone();
        if let Some((cluster, since)) = known
            && Instant::now() < since + bounds::TOKEN_KEYS_FRESH
        {
            match signed.verify(&cluster, now) {
                // Both can change.
                Err(BadToken::UnknownKey | BadToken::Issuer) => {}
                verdict => return verdict,
            }
        }
        let cluster = self.refreshed().await.ok_or(BadToken::NoKeys)?;
        signed.verify(&cluster, now)
    }

    /// What is known of the cluster after it was asked, if it may be asked now.
    async fn refreshed(&self) -> Option<Arc<Cluster>> {
        let mut asked = self.shared.asked.subscribe();
        {
            let mut state = self.shared.state.lock();
            let pause = if state.cluster.is_some() { bounds::TOKEN_KEYS_PAUSE } else { bounds::TOKEN_KEYS_FIRST_PAUSE };
            if !state.is_asking {
                if state.tried.is_some_and(|tried| Instant::now() < tried + pause) {
                    return state.cluster();
                }
                state.is_asking = true;
                // Not by the task of whoever asks, who may leave, and come again, and leave.
                tokio::spawn(Arc::clone(&self.shared).ask());
            }
        }
        // The sender is ours.
        drop(asked.changed().await);
        self.shared.state.lock().cluster()
    }
}

impl State {
    fn cluster(&self) -> Option<Arc<Cluster>> {
        self.cluster.as_ref().map(|(cluster, _)| Arc::clone(cluster))
    }
}

impl Shared {
    async fn ask(self: Arc<Shared>) {
        let answer = timeout(bounds::TOKEN_KEYS_TIME, self.fetch()).await;
        let answer = answer.context("the apiserver does not answer").flatten();
        {
            let mut state = self.state.lock();
            let now = Instant::now();
            state.is_asking = false;
            state.tried = Some(now);
            match answer {
                Ok(cluster) => {
                    info!(issuer = cluster.issuer, keys = cluster.keys.len(), "tokens can be verified");
                    state.cluster = Some((Arc::new(cluster), now));
                }
                Err(error) => warn!("cannot learn the keys of the cluster's tokens: {error:#}"),
            }
        }
        self.asked.send_replace(());
    }

    async fn fetch(&self) -> anyhow::Result<Cluster> {
        let Discovery { issuer } = self.get(DISCOVERY).await?;
        let keys: KeySet = self.get(KEYS).await?;
        Ok(Cluster { issuer, keys: Keys::of(keys) })
    }

    async fn get<T: DeserializeOwned>(&self, path: &'static str) -> anyhow::Result<T> {
        let request = Request::get(path).body(Vec::new()).context("it is no path")?;
        self.client.request(request).await.context(path)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod signer;
#[cfg(test)]
mod tests;
