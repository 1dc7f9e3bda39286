//! Writes to the apiserver: counted, limited, and the urgent ones first.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use config::bounds;
use http::Request;
use kube::Client;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until, timeout};

use super::said::Said;
use crate::exposition;

/// How urgent a write is; the first goes before all others that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// That this process may decide at all: one write every few seconds, without which there would be no others.
    Lead,
    /// Somebody waits for a pod.
    Wake,
    /// Where requests go.
    Route,
    /// How many pods there are.
    Scale,
    /// Everything else that must be right: adoption, certificates.
    Upkeep,
    /// What people read: events, status.
    News,
}

impl Urgency {
    const ALL: usize = 6;
}

/// The one way by which this process writes to the apiserver. Cheap to clone.
///
/// A token bucket over all writes: `burst` at once, `qps` a second in the long run. Who waits is served by urgency.
#[derive(Clone)]
pub struct Writes {
    client: Client,
    bucket: Arc<Bucket>,
}

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// As many writes wait as may wait.
    #[error("{} writes to the apiserver wait already", bounds::KUBE_WRITES_WAITING)]
    TooMany,
    /// The apiserver did not answer in time: it may have taken it.
    #[error("the apiserver did not answer within {:?}", bounds::KUBE_WRITE_TIME)]
    Silent,
    /// The apiserver refused it or could not be reached.
    #[error("{}", Said(.0))]
    Kube(#[from] kube::Error),
}

impl WriteError {
    /// The status that the apiserver answered with, if it answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            WriteError::Kube(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// Whether it is certain that nothing was written: it was refused, a webhook without whose word nothing is written
    /// failed or refused it, or there was no connection to send it on. After anything else it may have been.
    ///
    /// Nor is it certain when a name exists already: where the name was made up for this very write, what has it is most
    /// likely this one, which the apiserver stored and then, for want of an answer, asked its store for again. If it is
    /// another's after all, whoever waits to see it waits too long, which is better than one too many.
    pub fn is_sure(&self) -> bool {
        match self {
            WriteError::TooMany => true,
            WriteError::Silent => false,
            WriteError::Kube(kube::Error::Api(status)) => {
                let exists = status.code == 409 && status.reason == "AlreadyExists";
                !exists && (status.code < 500 || is_of_webhook(&status.message))
            }
            WriteError::Kube(error) => is_unsent(error),
        }
    }
}

/// Whether a webhook could not be asked, or refused: with whatever status it chose, perhaps one of 500 and more.
fn is_of_webhook(message: &str) -> bool {
    let refused = message.starts_with("admission webhook ") && message.contains(" denied the request");
    refused || message.contains("failed calling webhook")
}

/// Whether an error of the client means that the apiserver cannot be connected to.
fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(|error: &std::io::Error| error.kind() == ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Writes {
    /// Writes by `client`, at most `qps` a second in the long run and `burst` at once.
    pub fn new(client: Client, qps: f64, burst: u32) -> Writes {
        Writes { client, bucket: Arc::new(Bucket::new(qps, burst)) }
    }

    /// For reads, which are not limited.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request that [`kube::core::Request`] built, as soon as it may be sent. `what` (`scale`, `slice`, `event`,
    /// …) is what it is counted as, in `rouse_kube_writes_total`.
    ///
    /// # Errors
    /// When too many wait, or the apiserver refused it or could not be reached.
    pub async fn send<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        what: &'static str,
        request: Request<Vec<u8>>,
    ) -> Result<T, WriteError> {
        self.send_telling(urgency, what, request, || {}).await
    }

    /// The same, which calls `sends` when the wait is over, just before the request goes out.
    ///
    /// # Errors
    /// As [`Writes::send`].
    pub async fn send_telling<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        what: &'static str,
        request: Request<Vec<u8>>,
        sends: impl FnOnce() + Send,
    ) -> Result<T, WriteError> {
        self.bucket.take(urgency).await?;
        sends();
        let answer = timeout(bounds::KUBE_WRITE_TIME, self.client.request(request)).await;
        let answer = answer.map_err(|_| WriteError::Silent).and_then(|answer| answer.map_err(WriteError::from));
        exposition::kube_write(what, answer.is_ok());
        answer
    }
}

/// A token bucket that serves the urgent first.
#[derive(Debug)]
struct Bucket {
    /// Between two tokens.
    every: Duration,
    burst: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the bucket will be (or was) full.
    full_at: Instant,
    /// Who waits, by urgency, in the order in which they came.
    waiting: [VecDeque<Ticket>; Urgency::ALL],
    next: Ticket,
}

/// Tells those who wait apart; a later one is larger.
type Ticket = u64;

impl State {
    fn waiting(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// How many are served before this one; all of its urgency, if it does not wait yet.
    fn before(&self, urgency: Urgency, ticket: Option<Ticket>) -> usize {
        let (own, urgent) = (&self.waiting[urgency as usize], &self.waiting[..urgency as usize]);
        let ahead = ticket.and_then(|ticket| own.binary_search(&ticket).ok()).unwrap_or(own.len());
        urgent.iter().map(VecDeque::len).sum::<usize>() + ahead
    }
}

impl Bucket {
    fn new(qps: f64, burst: u32) -> Bucket {
        let every = Duration::from_secs_f64(1.0 / qps);
        let state = State { full_at: Instant::now(), waiting: Default::default(), next: 0 };
        Bucket { every, burst: burst.max(1), state: Mutex::new(state) }
    }

    /// Takes a token, as soon as one is left over by those who come first. Cancel-safe.
    async fn take(&self, urgency: Urgency) -> Result<(), WriteError> {
        let Some(mut due) = self.try_take(urgency, None) else { return Ok(()) };
        let waits = Waits::new(self, urgency)?;
        loop {
            sleep_until(due).await;
            match self.try_take(urgency, Some(waits.ticket)) {
                None => return Ok(()),
                Some(later) => due = later,
            }
        }
    }

    /// Takes a token, or says when to come again: each who waits comes when it may be its turn, not at each token.
    fn try_take(&self, urgency: Urgency, ticket: Option<Ticket>) -> Option<Instant> {
        let mut state = self.state.lock();
        let now = Instant::now();
        let before = state.before(urgency, ticket) as u32; // bounded
        let full_at = state.full_at.max(now);
        // A token is there when the bucket, without those of whoever comes first, is not more than `burst` from full.
        let needed = full_at + self.every * (before + 1);
        let allowed = now + self.every * self.burst;
        if needed <= allowed {
            state.full_at = full_at + self.every;
            return None;
        }
        Some(now + (needed - allowed))
    }
}

/// One who waits; leaving, in whatever way, frees the place.
struct Waits<'a> {
    bucket: &'a Bucket,
    urgency: Urgency,
    ticket: Ticket,
}

impl Waits<'_> {
    fn new(bucket: &Bucket, urgency: Urgency) -> Result<Waits<'_>, WriteError> {
        let mut state = bucket.state.lock();
        if state.waiting() >= bounds::KUBE_WRITES_WAITING {
            return Err(WriteError::TooMany);
        }
        let ticket = state.next;
        state.next += 1;
        state.waiting[urgency as usize].push_back(ticket);
        Ok(Waits { bucket, urgency, ticket })
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.bucket.state.lock();
        let own = &mut state.waiting[self.urgency as usize];
        if let Ok(at) = own.binary_search(&self.ticket) {
            own.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::kubernetes::mock::Apiserver;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_then_so_many_a_second() {
        let bucket = Bucket::new(10.0, 5);
        let start = Instant::now();
        for _ in 0..25 {
            bucket.take(Urgency::Scale).await.unwrap();
        }
        let took = (Instant::now() - start).as_secs_f64();
        assert!((1.99..2.1).contains(&took), "20 more than the burst, at 10 a second, took {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_goes_before_all_that_waited_longer() {
        let bucket = Arc::new(Bucket::new(10.0, 1));
        bucket.take(Urgency::News).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut all = tokio::task::JoinSet::new();
        for (name, urgency) in [("event", Urgency::News), ("scale", Urgency::Scale), ("wake", Urgency::Wake)] {
            let (bucket, order) = (Arc::clone(&bucket), Arc::clone(&order));
            all.spawn(async move {
                bucket.take(urgency).await.unwrap();
                order.lock().push(name);
            });
            tokio::task::yield_now().await;
        }
        all.join_all().await;
        assert_eq!(*order.lock(), ["wake", "scale", "event"]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_out_when_its_turn_has_come_and_before_it_is_answered() {
        let apiserver = Apiserver::new();
        let writes = Writes::new(apiserver.client("a"), 10.0, 1);
        writes.bucket.take(Urgency::News).await.unwrap();
        let (start, mut sent) = (Instant::now(), None);
        let request = Request::get("/nothing").body(Vec::new()).unwrap();
        let answer =
            writes.send_telling::<Value>(Urgency::Wake, "scale", request, || sent = Some(Instant::now())).await;
        assert_eq!(answer.unwrap_err().code(), Some(404));
        let (sent, answered) = (sent.unwrap() - start, Instant::now() - start);
        assert!(sent >= Duration::from_millis(100) && sent < answered, "{sent:?}, {answered:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_is_waited_for_by_nobody() {
        let bucket = Bucket::new(1.0, 1);
        bucket.take(Urgency::Wake).await.unwrap();
        let given_up = tokio::time::timeout(Duration::from_millis(10), bucket.take(Urgency::Wake)).await;
        assert!(given_up.is_err());
        assert_eq!(bucket.state.lock().waiting(), 0);
        let start = Instant::now();
        bucket.take(Urgency::News).await.unwrap();
        assert!((Instant::now() - start) < Duration::from_millis(1_010), "one token, not two, later");
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_was_written() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = kube::Config::new(format!("http://{closed}").parse().unwrap());
        let writes = Writes::new(Client::try_from(config).unwrap(), 10.0, 1);
        let error = writes.send::<Value>(Urgency::Wake, "job", Request::get("/").body(Vec::new()).unwrap()).await;
        assert!(error.as_ref().is_err_and(WriteError::is_sure), "{error:?}");
    }

    #[test]
    fn only_what_says_so_surely_was_not_written() {
        let said = |code, message: &str| {
            let status = kube::core::Status { code, message: message.to_owned(), ..Default::default() };
            WriteError::Kube(kube::Error::Api(Box::new(status))).is_sure()
        };
        assert!(said(403, "exceeded quota") && said(429, "too many requests"));
        assert!(said(500, "Internal error occurred: failed calling webhook \"x.example.com\": refused"));
        assert!(said(500, "admission webhook \"x.example.com\" denied the request: no"));
        assert!(!said(500, "etcdserver: request timed out") && !said(504, "Timeout"));
        assert!(!WriteError::Silent.is_sure() && WriteError::TooMany.is_sure());
    }

    #[test]
    fn a_name_that_exists_may_be_what_was_written() {
        let conflict = |reason: &str| {
            let status = kube::core::Status { code: 409, reason: reason.to_owned(), ..Default::default() };
            WriteError::Kube(kube::Error::Api(Box::new(status))).is_sure()
        };
        assert!(!conflict("AlreadyExists") && conflict("Conflict"));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_bound_on_those_who_wait() {
        let bucket = Arc::new(Bucket::new(0.001, 1));
        bucket.take(Urgency::News).await.unwrap();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..bounds::KUBE_WRITES_WAITING {
            let bucket = Arc::clone(&bucket);
            all.spawn(async move { bucket.take(Urgency::News).await });
        }
        tokio::task::yield_now().await;
        while bucket.state.lock().waiting() < bounds::KUBE_WRITES_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(matches!(bucket.take(Urgency::Wake).await, Err(WriteError::TooMany)));
    }
}
