//! Who decides: of several autoscalers one holds a Lease, as Kubernetes' own controllers do it.

mod record;
mod times;

use std::fmt;
use std::pin::pin;

use anyhow::{Context, anyhow};
use config::bounds;
use futures_util::StreamExt;
use k8s_openapi::api::coordination::v1::Lease as Record;
use kube::api::{Api, PostParams};
use kube::core::Request;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use queue_proxy::Clock;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::again::Again;
use super::names;
use super::writes::{Urgency, Writes};
use record::Seen;
pub use times::LeaseTimes;

/// The Lease [`names::LEASE`], which one of those that want it holds at a time.
///
/// Each write is one of what was seen before it, or it fails: two never take it together. Its holder stops before others
/// may take it, so whoever acts on it does so only until [`Lease::keep`] returns:
///
/// ```text
/// lease.acquire().await;
/// tokio::select! {
///     () = lease.keep() => {}          // lost: end, or start anew
///     () = decide() => {}
///     () = told_to_end() => {}
/// }
/// lease.release().await;               // nothing, if it is lost
/// ```
pub struct Lease {
    writes: Writes,
    api: Api<Record>,
    identity: String,
    times: LeaseTimes,
    clock: Clock,
    seen: Seen,
    held: Option<Held>,
    /// A failure was told of, and nothing has worked since.
    is_told: bool,
}

struct Held {
    record: Record,
    /// When the last renewal that worked was sent.
    renewed: Instant,
}

/// Why the Lease was not written.
enum Unwritten {
    /// It is not as it was.
    Changed,
    /// There is none.
    Missing,
    /// Nobody knows.
    Failed(anyhow::Error),
}

impl Lease {
    /// The Lease in `namespace`, for who calls itself `identity`: nobody else does, but it may be the same again after
    /// this process was restarted, and then need not wait for itself.
    pub fn new(writes: Writes, namespace: &str, identity: impl Into<String>, times: LeaseTimes) -> Lease {
        let api = Api::namespaced(writes.client().clone(), namespace);
        let (clock, seen) = (Clock::wall(), Seen::default());
        Lease { writes, api, identity: identity.into(), times, clock, seen, held: None, is_told: false }
    }

    /// Waits until nobody holds the Lease, and takes it. Failures are told of, and tried again. Cancel-safe; what was seen
    /// of its holder is forgotten.
    pub async fn acquire(&mut self) {
        self.seen = Seen::default();
        while !self.take_when_free().await {}
    }

    /// Renews the Lease for as long as that works; returns when it is lost, or was never held. Cancel-safe.
    pub async fn keep(&mut self) {
        while let Some(held) = &self.held {
            let (due, deadline) = (held.renewed + self.times.retry, held.renewed + self.times.renew_deadline);
            let renewed = async {
                sleep_until(due).await;
                self.renew().await
            };
            let why = match timeout_at(deadline, renewed).await {
                Ok(Ok(())) => continue,
                Ok(Err(holder)) => format!("{holder:?} has it"),
                Err(_) => format!("it could not be renewed for {:?}", self.times.renew_deadline),
            };
            warn!("the Lease is lost: {why}");
            self.held = None;
        }
    }

    /// Gives the Lease up, if it is held, so that others need not wait until it is over. Takes a second at most.
    pub async fn release(&mut self) {
        let Some(held) = self.held.take() else { return };
        match timeout(bounds::LEASE_RELEASE, self.give_up(held.record)).await {
            Ok(Ok(())) => info!("gave the Lease up"),
            Ok(Err(error)) => warn!("cannot give the Lease up: {error:#}"),
            Err(_) => warn!("cannot give the Lease up: the apiserver does not answer"),
        }
    }

    /// Watches the Lease until it was taken; false if it is to be watched anew, because the watch has nothing to say or what
    /// it said was old.
    async fn take_when_free(&mut self) -> bool {
        let changes = watch_object(self.api.clone(), names::LEASE).backoff(Again(self.times.retry));
        let mut changes = pin!(changes);
        let mut too_long = pin!(sleep(self.times.request()));
        let mut is_known = false;
        loop {
            let may_take = self.may_take();
            tokio::select! {
                biased; // what is known before what follows from it
                change = changes.next() => match change {
                    Some(Ok(record)) => {
                        is_known = true;
                        self.see(record);
                    }
                    Some(Err(error)) => self.complain(&anyhow!(error).context("cannot watch it")),
                    None => return false,
                },
                () = too_long.as_mut(), if !is_known => return false,
                () = may_take, if is_known => match self.try_take().await {
                    Ok(()) => return true,
                    Err(Unwritten::Changed | Unwritten::Missing) => return false,
                    Err(Unwritten::Failed(error)) => {
                        self.complain(&error);
                        sleep(self.times.retry).await;
                    }
                },
            }
        }
    }

    /// Resolves when nobody else has the Lease, as far as was seen.
    fn may_take(&self) -> impl Future<Output = ()> + use<> {
        let is_ours = self.seen.holder() == self.identity;
        let at = self.seen.free_at().map(|free_at| if is_ours { Instant::now() } else { free_at });
        async move {
            match at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn try_take(&mut self) -> Result<(), Unwritten> {
        let (sent, before) = (Instant::now(), self.seen.holder().to_owned());
        let record = self.seen.taken(&self.identity, &self.times, self.clock.now());
        let record = self.write(&record).await?;
        info!(before, "holds the Lease");
        self.held = Some(Held { record, renewed: sent });
        Ok(())
    }

    /// Renews the Lease, however often it must be tried; else who has it.
    async fn renew(&mut self) -> Result<(), String> {
        while let Some(held) = &mut self.held {
            let (sent, record) = (Instant::now(), record::renewed(&held.record, self.clock.now()));
            let failed = match self.write(&record).await {
                Ok(record) => {
                    self.held = Some(Held { record, renewed: sent });
                    return Ok(());
                }
                Err(Unwritten::Failed(error)) => error,
                // Perhaps by ourselves, and the answer was lost.
                Err(Unwritten::Changed | Unwritten::Missing) => match self.read().await {
                    Ok(found) => {
                        let found = found.unwrap_or_else(|| record::made_anew(&record));
                        if record::holder(&found) != self.identity {
                            return Err(record::holder(&found).to_owned());
                        }
                        if let Some(held) = &mut self.held {
                            held.record = found;
                        }
                        continue;
                    }
                    Err(error) => error,
                },
            };
            self.complain(&failed);
            sleep(self.times.retry).await;
        }
        Err(String::new())
    }

    async fn give_up(&mut self, mut record: Record) -> anyhow::Result<()> {
        loop {
            match self.write(&record::released(&record, self.clock.now())).await {
                Ok(_) | Err(Unwritten::Missing) => return Ok(()),
                Err(Unwritten::Failed(error)) => return Err(error),
                Err(Unwritten::Changed) => match self.read().await? {
                    // A renewal of ours whose answer nobody waited for.
                    Some(found) if record::holder(&found) == self.identity => record = found,
                    _ => return Ok(()),
                },
            }
        }
    }

    /// Writes the Lease over what it was.
    async fn write(&mut self, record: &Record) -> Result<Record, Unwritten> {
        let request = self.request(record).map_err(Unwritten::Failed)?;
        let sent = self.writes.send(Urgency::Lead, "lease", request);
        match timeout(self.times.request(), sent).await {
            Ok(Ok(record)) => {
                self.is_told = false;
                Ok(record)
            }
            Ok(Err(error)) => Err(match error.code() {
                Some(409) => Unwritten::Changed,
                Some(404) if record.metadata.resource_version.is_some() => Unwritten::Missing,
                _ => Unwritten::Failed(anyhow!(error).context("cannot write it")),
            }),
            Err(_) => Err(Unwritten::Failed(anyhow!("cannot write it: the apiserver does not answer"))),
        }
    }

    fn request(&self, record: &Record) -> anyhow::Result<http::Request<Vec<u8>>> {
        let (to, how) = (Request::new(self.api.resource_url()), PostParams::default());
        let body = serde_json::to_vec(record).context("it cannot be said")?;
        let request = match &record.metadata.resource_version {
            Some(_) => to.replace(names::LEASE, &how, body),
            None => to.create(&how, body),
        };
        request.context("it cannot be asked for")
    }

    async fn read(&self) -> anyhow::Result<Option<Record>> {
        let read = timeout(self.times.request(), self.api.get_opt(names::LEASE)).await;
        read.context("cannot read it: the apiserver does not answer")?.context("cannot read it")
    }

    fn see(&mut self, record: Option<Record>) {
        let before = self.seen.holder().to_owned();
        self.seen.see(record, Instant::now());
        let holder = self.seen.holder();
        if !holder.is_empty() && holder != before && holder != self.identity {
            info!(holder, "waits for the Lease");
        }
    }

    /// Tells of a failure, unless the last one was told of and nothing has worked since.
    fn complain(&mut self, error: &anyhow::Error) {
        if !self.is_told {
            self.is_told = true;
            warn!("the Lease: {error:#}; trying on");
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (identity, times) = (&self.identity, &self.times);
        f.debug_struct("Lease").field("identity", identity).field("times", times).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
