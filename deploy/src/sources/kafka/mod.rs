//! Kafka: how far a consumer group is behind.
//!
//! A broker tells which brokers there are, the group's coordinator what it has committed, and the leaders of the partitions
//! where these begin and end. One connection a broker, on which one question follows the other; who reads the same at
//! once reads once. Which commits stand still each trigger remembers for itself.

mod broker;
mod codec;
mod connection;
mod error;
mod login;
mod messages;
mod oauth;
mod offsets;
mod scram;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::kafka::{Commits, Persistence, total};
use autoscaler::triggers::metadata::{Kafka as Trigger, SaslMechanism};
use config::{Time, bounds};
use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use tokio_rustls::TlsConnector;

use self::broker::{Access, Broker};
use self::error::all_well;
use self::login::Login;
use self::messages::{Address, Question};
use self::offsets::{Seen, Which};
use super::asked::Asked;
use super::{Answer, Key, Look, OpenError, Pool, Server, Source, Trouble, trust};

/// What reads one trigger.
#[derive(Debug)]
pub(super) struct Kafka {
    trigger: Trigger,
    client: Arc<Client>,
    asked: Asked<Arc<Seen>>,
    interval: Duration,
    commits: Mutex<Commits>,
}

impl Kafka {
    pub(super) fn open(trigger: &Trigger, interval: Duration, pool: &Pool) -> Result<Kafka, OpenError> {
        let who = key(trigger);
        let client = pool.share(who, || Client::new(trigger, pool))?;
        let limit = trigger.partitions.as_ref().map(|all| format!("{all:?}")).unwrap_or_default();
        let topic = trigger.topic.as_deref().unwrap_or_default();
        let key = Key::new([who.as_ref(), trigger.group.as_bytes(), topic.as_bytes(), limit.as_bytes()]);
        let asked = Asked::new(&trigger.servers.join(","), key, pool)?;
        Ok(Kafka { trigger: trigger.clone(), client, asked, interval, commits: Mutex::default() })
    }

    /// What `seen` means at `now`, after what was seen before.
    fn reading(&self, seen: &Seen, now: Time) -> Reading {
        let partitions: Vec<_> = seen.iter().map(|((topic, number), at)| ((topic.as_str(), *number), *at)).collect();
        let lags = self.commits.lock().lags(&partitions, Persistence::of(&self.trigger), self.interval, now);
        total(&lags, self.trigger.cap, self.trigger.target).reading(self.trigger.activation)
    }
}

impl Source for Kafka {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let which = Which::of(&self.trigger);
            let offsets = async { self.client.offsets(&which).await.map(Arc::new) };
            let seen = self.asked.read(look, offsets).await;
            let now = Time::from_secs_f64(look.at as f64);
            seen.map_or_else(Reading::Failed, |seen| self.reading(&seen, now)).into()
        })
    }

    fn key(&self) -> &Key {
        self.asked.key()
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asked.server())
    }
}

/// Stands for the cluster and the user of `trigger`.
fn key(trigger: &Trigger) -> Key {
    let tls = trigger.tls.as_ref().map(trust::key);
    let sasl = trigger.sasl.as_ref();
    let mechanism = sasl.map(|sasl| match &sasl.mechanism {
        SaslMechanism::Plain => Key::new(["plain"]),
        SaslMechanism::ScramSha256 => Key::new(["sha256"]),
        SaslMechanism::ScramSha512 => Key::new(["sha512"]),
        SaslMechanism::OauthBearer { token_endpoint, scopes, extensions } => {
            oauth::key(token_endpoint, scopes, extensions)
        }
    });
    let servers = trigger.servers.join(",");
    let login = sasl.map_or(["", ""], |sasl| [sasl.username.expose(), sasl.password.expose()]);
    let parts = ["kafka", &servers, login[0], login[1]].map(str::as_bytes);
    let more = [&mechanism, &tls].map(|part| part.as_ref().map_or(&b""[..], AsRef::as_ref));
    Key::new(parts.into_iter().chain(more))
}

/// One cluster, and one user of it.
struct Client {
    access: Arc<Access>,
    /// Those that were named by the user: any of them knows all the others.
    bootstrap: Vec<Arc<Broker>>,
    /// Which of them is asked next.
    next: AtomicUsize,
    /// Those that the cluster names.
    brokers: Mutex<HashMap<(String, u16), Arc<Broker>>>,
}

impl Client {
    fn new(trigger: &Trigger, pool: &Pool) -> Result<Client, OpenError> {
        let tls = trigger.tls.as_ref().map(trust::client_config).transpose()?;
        let tls = tls.map(|config| TlsConnector::from(Arc::new(config)));
        let login = trigger.sasl.as_ref().map(|sasl| Login::new(sasl, pool)).transpose()?;
        let access = Arc::new(Access { tls, login });
        let broker = |address: &String| {
            let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
            let port = port.parse().map_err(|_| OpenError::parameter("bootstrapServers", "has no port"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Ok(Arc::new(Broker::new(host, port, access.clone())))
        };
        let bootstrap: Result<Vec<_>, OpenError> = trigger.servers.iter().map(broker).collect();
        Ok(Client { bootstrap: bootstrap?, next: AtomicUsize::new(0), access, brokers: Mutex::default() })
    }

    /// Asks a broker of those that the user named: the one that answered last, else the next. One that hangs has been
    /// left behind by the time of the next look.
    async fn ask_any<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Trouble> {
        let mut trouble = Trouble::Question("bootstrapServers is empty".to_owned());
        let (count, first) = (self.bootstrap.len(), self.next.load(Ordering::Relaxed));
        for at in (first..first + count).map(|at| at % count) {
            self.next.store(at + 1, Ordering::Relaxed);
            match self.bootstrap[at].ask(question).await {
                Ok(answer) => {
                    self.next.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(next) => trouble = next,
            }
        }
        Err(trouble)
    }

    /// The broker at `address`.
    fn broker(&self, address: &Address) -> Result<Arc<Broker>, Trouble> {
        let unknown =
            || Trouble::Question(format!("the cluster names {}:{}, which is no address", address.host, address.port));
        let port = u16::try_from(address.port).map_err(|_| unknown())?;
        let mut brokers = self.brokers.lock();
        if brokers.len() >= bounds::KAFKA_BROKERS {
            brokers.clear(); // addresses that come and go
        }
        let broker = brokers.entry((address.host.clone(), port));
        Ok(broker.or_insert_with(|| Arc::new(Broker::new(&address.host, port, self.access.clone()))).clone())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self.bootstrap.iter().map(|broker| broker.address()).collect();
        f.debug_tuple("Client").field(&addresses).finish()
    }
}
