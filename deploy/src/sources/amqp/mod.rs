//! RabbitMQ over AMQP 0-9-1: how many messages of a queue are ready.
//!
//! The queue is declared passively, which changes nothing and tells its length. One connection a (server, user, virtual
//! host), on which one question follows the other.

mod connection;
mod frame;

use std::fmt;
use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::rabbitmq::{Queue, vhost};
use autoscaler::triggers::metadata::{Mode, Rabbitmq as Trigger, Tls};
use config::keda::Secret;
use futures_core::future::BoxFuture;
use percent_encoding::percent_decode_str;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use self::connection::Connection;
use super::asked::Asked;
use super::{Answer, Key, Look, OpenError, Pool, Server, Source, Trouble, trust};

/// What reads one trigger.
#[derive(Debug)]
pub(super) struct Amqp {
    trigger: Trigger,
    client: Arc<Client>,
    asked: Asked<u64>,
}

impl Amqp {
    pub(super) fn open(trigger: &Trigger, pool: &Pool) -> Result<Amqp, OpenError> {
        let address = Address::of(trigger)?;
        let who = address.key(trigger.tls.as_ref());
        let name = format!("{}:{}", address.host, address.port);
        let client = pool.share(who, || Client::new(address, trigger))?;
        let key = Key::new([who.as_ref(), trigger.queue.as_bytes()]);
        let asked = Asked::new(&name, key, pool)?.within(trigger.timeout);
        Ok(Amqp { trigger: trigger.clone(), client, asked })
    }
}

impl Source for Amqp {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let counted = self.asked.read(look, self.client.ready(&self.trigger.queue)).await;
            let queue = |ready| Queue { messages: ready, ready, ..Queue::default() };
            let reading = |ready| Mode::QueueLength.reading(queue(ready), self.trigger.activation);
            counted.map_or_else(Reading::Failed, reading).into()
        })
    }

    fn key(&self) -> &Key {
        self.asked.key()
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asked.server())
    }
}

/// Where a virtual host is, and who asks.
struct Address {
    host: String,
    port: u16,
    vhost: String,
    user: Secret,
    password: Secret,
    is_tls: bool,
}

impl Address {
    /// Of `amqp://user:password@host:port/vhost`, each part but the host being optional.
    fn of(trigger: &Trigger) -> Result<Address, OpenError> {
        let bad = |problem: &str| OpenError::parameter("host", problem);
        let (scheme, rest) = trigger.host.expose().split_once("://").ok_or_else(|| bad("is no URI"))?;
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let is_tls = scheme == "amqps" || trigger.tls.is_some();
        let (host, port) = match place.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| bad("has no port behind its colon"))?),
            None => (place, if is_tls { 5671 } else { 5672 }),
        };
        let decoded =
            |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| bad("is not UTF-8"));
        let (user, password) = match &trigger.login {
            Some((user, password)) => (user.clone(), password.clone()),
            None if login.is_empty() => (Secret::new("guest"), Secret::new("guest")),
            None => (Secret::new(decoded(user)?), Secret::new(decoded(password)?)),
        };
        let vhost = vhost(path, trigger.vhost.as_deref().unwrap_or_default()).vhost;
        let address = Address { host: host.to_owned(), port, vhost: decoded(&vhost[1..])?, user, password, is_tls };
        // AMQP's short texts.
        let texts = [("vhostName", &*address.vhost), ("queueName", &trigger.queue)];
        match texts.iter().find(|(_, text)| text.len() > 255) {
            Some((name, _)) => Err(OpenError::parameter(name, "is longer than 255 bytes")),
            None => Ok(address),
        }
    }

    fn key(&self, tls: Option<&Tls>) -> Key {
        let tls = self.is_tls.then(|| trust::key(tls.unwrap_or(&Tls::default())));
        let port = self.port.to_string();
        let parts = ["amqp", &self.host, &port, &self.vhost, self.user.expose(), self.password.expose()];
        Key::new(parts.map(str::as_bytes).into_iter().chain([tls.as_ref().map_or(&b""[..], AsRef::as_ref)]))
    }
}

/// One virtual host, and one user of it.
struct Client {
    address: Address,
    tls: Option<TlsConnector>,
    /// Taken out while it is used, so that whoever is dropped halfway takes it along.
    kept: Mutex<Option<Connection>>,
}

impl Client {
    fn new(address: Address, trigger: &Trigger) -> Result<Client, OpenError> {
        let tls = match address.is_tls {
            true => Some(trust::client_config(trigger.tls.as_ref().unwrap_or(&Tls::default()))?),
            false => None,
        };
        Ok(Client { address, tls: tls.map(|config| TlsConnector::from(Arc::new(config))), kept: Mutex::new(None) })
    }

    /// The messages of `queue` that nobody has taken yet. A connection that has died while nobody used it costs no
    /// question.
    async fn ready(&self, queue: &str) -> Result<u64, Trouble> {
        let mut kept = self.kept.lock().await;
        if let Some(mut connection) = kept.take() {
            match connection.ready(queue).await {
                Err(Trouble::Server(_)) => {}
                answered => {
                    *kept = Some(connection);
                    return answered;
                }
            }
        }
        let mut connection = Connection::open(&self.address, self.tls.as_ref()).await?;
        let answered = connection.ready(queue).await;
        if !matches!(answered, Err(Trouble::Server(_))) {
            *kept = Some(connection);
        }
        answered
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port, .. } = &self.address;
        f.debug_tuple("Client").field(&format!("{host}:{port}")).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use autoscaler::triggers::metadata::{Parameters, TriggerKind};

    use super::*;

    fn address(host: &str, more: &[(&str, &str)]) -> Result<Address, OpenError> {
        let metadata = [&[("host", host), ("queueName", "q"), ("mode", "QueueLength"), ("value", "5")], more].concat();
        let metadata: BTreeMap<_, _> =
            metadata.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let nothing = BTreeMap::new();
        let parameters = Parameters::new(&metadata, &nothing, &nothing);
        let (TriggerKind::Rabbitmq(trigger), _) = TriggerKind::parse("rabbitmq", parameters).unwrap() else { panic!() };
        Address::of(&trigger)
    }

    #[test]
    fn every_part_of_a_uri_is_found_and_unescaped() {
        let read = address("amqps://m%40e:p%2Fw@[::1]:1234/a%2Fb?heartbeat=5", &[]).unwrap();
        assert_eq!((&*read.host, read.port, &*read.vhost, read.is_tls), ("[::1]", 1234, "a/b", true));
        assert_eq!((read.user.expose(), read.password.expose()), ("m@e", "p/w"));
        let read = address("amqp://rabbit", &[]).unwrap();
        assert_eq!((&*read.host, read.port, &*read.vhost, read.is_tls), ("rabbit", 5672, "/", false));
        assert_eq!((read.user.expose(), read.password.expose()), ("guest", "guest"));
        let read = address("amqp://rabbit/a", &[("vhostName", "b/c"), ("tls", "enable")]).unwrap();
        assert_eq!((read.port, &*read.vhost), (5671, "b/c"));
    }

    #[test]
    fn what_amqp_cannot_say_is_refused() {
        let long = "x".repeat(256);
        let problem = address("amqp://rabbit", &[("vhostName", &long)]).err().unwrap().to_string();
        assert_eq!(problem, "vhostName: is longer than 255 bytes");
    }
}
