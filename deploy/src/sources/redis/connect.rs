//! How one connects to Redis.

use std::fmt;

use autoscaler::triggers::metadata::{Redis as Trigger, RedisServer, Tls};
use config::keda::Secret;
use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, TlsCertificates, TlsMode,
};
use tokio::sync::Mutex;

use super::super::{cause, trust};
use super::{Connection, Key, OpenError, Trouble};

/// Connects, again and again.
pub(super) enum Connector {
    /// To one server.
    One(Client),
    /// To a cluster.
    Cluster(ClusterClient),
    /// To the one that sentinels name. The client of sentinels wants to be alone while it asks them.
    Sentinels(Mutex<SentinelClient>),
}

impl fmt::Debug for Connector {
    /// The clients show who logs in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(..)")
    }
}

/// Stands for the server and the user of `trigger`.
pub(super) fn key(trigger: &Trigger) -> Key {
    let (kind, sentinels) = match &trigger.server {
        RedisServer::Single(_) => ("single", [&None, &None]),
        RedisServer::Cluster(_) => ("cluster", [&None, &None]),
        RedisServer::Sentinel { username, password, .. } => ("sentinel", [username, password]),
    };
    let login = [&trigger.username, &trigger.password].into_iter().chain(sentinels);
    let (name, database) = (name(&trigger.server), trigger.database.to_string());
    let tls = trigger.tls.as_ref().map(trust::key);
    let parts =
        [kind, &name, &database].into_iter().chain(login.map(|secret| secret.as_ref().map_or("", Secret::expose)));
    Key::new(parts.map(str::as_bytes).chain([tls.as_ref().map_or(&b""[..], AsRef::as_ref)]))
}

/// What people are shown.
pub(super) fn name(server: &RedisServer) -> String {
    match server {
        RedisServer::Single(address) => address.clone(),
        RedisServer::Cluster(addresses) => addresses.join(","),
        RedisServer::Sentinel { addresses, master, .. } => format!("{master} of {}", addresses.join(",")),
    }
}

/// What `error` is about: the server, or what was asked.
pub(super) fn trouble(error: &RedisError) -> Trouble {
    match error.kind() {
        _ if cause::is_tls(error) => Trouble::Question(error.to_string()),
        ErrorKind::MasterNameNotFoundBySentinel => {
            Trouble::Question("no sentinel answers that it knows sentinelMaster".to_owned())
        }
        ErrorKind::Server(_)
        | ErrorKind::Extension
        | ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::UnexpectedReturnType => Trouble::Question(error.to_string()),
        _ => Trouble::Server(error.to_string()),
    }
}

impl Connector {
    /// To the server of `trigger`.
    pub(super) fn new(trigger: &Trigger) -> Result<Connector, OpenError> {
        if let Some(tls) = &trigger.tls {
            trust::client_config(tls)?; // it has the better messages
        }
        Connector::of(trigger).map_err(|error| OpenError::parameter("address", error.to_string()))
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Trouble> {
        let connected = match self {
            Connector::One(client) => {
                client.get_multiplexed_async_connection_with_config(&unhurried()).await.map(Connection::One)
            }
            Connector::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
            Connector::Sentinels(client) => {
                client.lock().await.get_async_connection_with_config(&unhurried()).await.map(Connection::One)
            }
        };
        connected.map_err(|error| trouble(&error))
    }

    /// A client of the one server that tells of changes.
    pub(super) async fn teller(&self) -> Result<Client, Trouble> {
        match self {
            Connector::One(client) => Ok(client.clone()),
            Connector::Cluster(_) => {
                Err(Trouble::Question("each server of a cluster tells of its own keys only".to_owned()))
            }
            Connector::Sentinels(client) => {
                client.lock().await.async_get_client().await.map_err(|error| trouble(&error))
            }
        }
    }

    fn of(trigger: &Trigger) -> Result<Connector, RedisError> {
        let tls = trigger.tls.as_ref();
        match &trigger.server {
            RedisServer::Single(address) => {
                let info = address_of(address, tls).into_connection_info()?.set_redis_settings(login(trigger));
                Ok(Connector::One(match tls {
                    Some(tls) => Client::build_with_tls(info, certificates(tls))?,
                    None => Client::open(info)?,
                }))
            }
            RedisServer::Cluster(addresses) => cluster(addresses, trigger).map(Connector::Cluster),
            RedisServer::Sentinel { addresses, master, .. } => {
                sentinels(addresses, master, trigger).map(|client| Connector::Sentinels(Mutex::new(client)))
            }
        }
    }
}

/// Without the crate's own timeouts: who reads has one, which is the trigger's.
fn unhurried() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

fn login(trigger: &Trigger) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default().set_db(i64::from(trigger.database)).set_skip_set_lib_name();
    if let Some(username) = &trigger.username {
        login = login.set_username(username.expose());
    }
    if let Some(password) = &trigger.password {
        login = login.set_password(password.expose());
    }
    login
}

fn cluster(addresses: &[String], trigger: &Trigger) -> Result<ClusterClient, RedisError> {
    let tls = trigger.tls.as_ref();
    let nodes = addresses.iter().map(|address| address_of(address, tls));
    let mut builder = ClusterClient::builder(nodes).retries(1); // a slot that has just moved; else the next poll
    if let Some(username) = &trigger.username {
        builder = builder.username(username.expose());
    }
    if let Some(password) = &trigger.password {
        builder = builder.password(password.expose());
    }
    if let Some(tls) = tls {
        builder = builder.tls(mode(tls)).certs(certificates(tls));
    }
    builder.build()
}

fn sentinels(addresses: &[String], master: &str, trigger: &Trigger) -> Result<SentinelClient, RedisError> {
    let tls = trigger.tls.as_ref();
    let nodes = addresses.iter().map(|address| address_of(address, tls));
    let mut builder = SentinelClientBuilder::new(nodes, master, SentinelServerType::Master)?
        .set_client_to_redis_db(i64::from(trigger.database));
    if let Some(username) = &trigger.username {
        builder = builder.set_client_to_redis_username(username.expose());
    }
    if let Some(password) = &trigger.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if let RedisServer::Sentinel { username, password, .. } = &trigger.server {
        if let Some(username) = username {
            builder = builder.set_client_to_sentinel_username(username.expose());
        }
        if let Some(password) = password {
            builder = builder.set_client_to_sentinel_password(password.expose());
        }
    }
    if let Some(tls) = tls {
        builder = builder
            .set_client_to_redis_tls_mode(mode(tls))
            .set_client_to_redis_certificates(certificates(tls))
            .set_client_to_sentinel_tls_mode(mode(tls))
            .set_client_to_sentinel_certificates(certificates(tls));
    }
    builder.build()
}

/// `host:port`, where an IPv6 address is in brackets.
fn address_of(address: &str, tls: Option<&Tls>) -> ConnectionAddr {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = port.parse().unwrap_or(6379); // the metadata has a port
    match tls {
        Some(tls) => ConnectionAddr::TcpTls { host, port, insecure: tls.insecure, tls_params: None },
        None => ConnectionAddr::Tcp(host, port),
    }
}

fn mode(tls: &Tls) -> TlsMode {
    if tls.insecure { TlsMode::Insecure } else { TlsMode::Secure }
}

fn certificates(tls: &Tls) -> TlsCertificates {
    let bytes = |secret: &Secret| secret.expose().as_bytes().to_vec();
    TlsCertificates {
        root_cert: tls.ca.as_ref().map(bytes),
        client_tls: tls
            .client
            .as_ref()
            .map(|client| ClientTlsConfig { client_cert: bytes(&client.cert), client_key: bytes(&client.key) }),
    }
}
