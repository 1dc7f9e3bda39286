//! `redis` and `redis-streams`, of one server, a cluster, or watched by sentinels.

use config::keda::Secret;

use super::parameters::{Name, Parameters, anywhere, at_least, hidden, plain};
use super::{Tls, text};

/// A list or a stream of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub server: RedisServer,
    /// `username`.
    pub username: Option<Secret>,
    /// `password`.
    pub password: Option<Secret>,
    /// `databaseIndex` (0); a cluster has one only.
    pub database: u32,
    /// `enableTLS`: how TLS is spoken, if it is.
    pub tls: Option<Tls>,
    /// `listName` or `stream`: the key.
    pub key: String,
    /// What is counted.
    pub count: Count,
    /// `listLength`, `pendingEntriesCount`, `streamLength`, `lagCount` (5): what one pod should carry.
    pub target: u64,
    /// `activationListLength`, `activationLagCount` (0).
    pub activation: u64,
    /// `keyspaceNotifications` (false; not KEDA's): whether the server is listened to for what is added, rather than
    /// polled only.
    pub notifications: bool,
}

/// Where a Redis is; each address is `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisServer {
    /// One server.
    Single(String),
    /// Some of a cluster's.
    Cluster(Vec<String>),
    /// Sentinels that know where it is.
    Sentinel {
        /// Their addresses.
        addresses: Vec<String>,
        /// `sentinelMaster`: what they call it.
        master: String,
        /// `sentinelUsername`: how one logs in at them.
        username: Option<Secret>,
        /// `sentinelPassword`
        password: Option<Secret>,
    },
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    /// The items of a list, a set, a sorted set or a hash.
    Items,
    /// `pendingEntriesCount`: entries that were delivered to a consumer of the group and not acknowledged.
    Pending {
        /// `consumerGroup`
        group: String,
    },
    /// `streamLength`: entries of the stream.
    Length,
    /// `lagCount`: entries that were not delivered to the group yet (Redis 7).
    Lag {
        /// `consumerGroup`
        group: String,
    },
}

/// KEDA's default of every target here.
const TARGET: u64 = 5;

impl Redis {
    /// Reads a trigger of one of the six types.
    pub(super) fn read(kind: &str, parameters: &mut Parameters<'_>) -> Option<Redis> {
        let server = RedisServer::read(kind, parameters);
        let counted = if kind.ends_with("-streams") { stream(parameters) } else { list(parameters) };
        let database = parameters.parsed(plain("databaseIndex"), at_least(0)).unwrap_or(0);
        let enabled = parameters.switch(anywhere("enableTLS"))
            | parameters.choice(anywhere("tls"), &[("enable", true), ("disable", false)]).unwrap_or(false);
        let tls = Tls::read(parameters);
        let (key, count, target, activation) = counted?;
        Some(Redis {
            username: parameters.secret(anywhere("username")),
            password: parameters.secret(hidden("password")),
            database: u32::try_from(database).unwrap_or(u32::MAX),
            notifications: parameters.switch(plain("keyspaceNotifications")),
            tls: enabled.then_some(tls),
            server: server?,
            key,
            count,
            target,
            activation,
        })
    }
}

/// Key, what is counted of it, target and activation.
type Counted = Option<(String, Count, u64, u64)>;

fn list(parameters: &mut Parameters<'_>) -> Counted {
    let key = parameters.needed_text(plain("listName"));
    let target = parameters.parsed(plain("listLength"), at_least(1)).unwrap_or(TARGET);
    let activation = parameters.parsed(plain("activationListLength"), at_least(0)).unwrap_or(0);
    Some((key?, Count::Items, target, activation))
}

fn stream(parameters: &mut Parameters<'_>) -> Counted {
    let key = parameters.needed_text(plain("stream"));
    let group = parameters.text(plain("consumerGroup"));
    let given = ["pendingEntriesCount", "streamLength", "lagCount"];
    let [pending, length, lag] = given.map(|name| parameters.parsed(plain(name), at_least(1)));
    let activation = parameters.parsed(plain("activationLagCount"), at_least(0));
    let (counts, count, target) = match (group, pending, length, lag) {
        (Some(group), _, _, Some(lag)) => ("lagCount", Count::Lag { group }, lag),
        (Some(group), Some(pending), _, _) => ("pendingEntriesCount", Count::Pending { group }, pending),
        (_, _, Some(length), _) => ("streamLength", Count::Length, length),
        (Some(group), None, None, None) => ("pendingEntriesCount", Count::Pending { group }, TARGET),
        (None, ..) => ("streamLength", Count::Length, TARGET),
    };
    for (name, value) in given.into_iter().zip([pending, length, lag]) {
        if value.is_some() && name != counts {
            let without = if name == "streamLength" { "" } else { ", or consumerGroup is missing" };
            parameters.warn(name, format!("has no effect: {counts} is what counts{without}"));
        }
    }
    if activation.is_some() && counts != "lagCount" {
        parameters.warn("activationLagCount", "has no effect: it belongs to lagCount");
    }
    let activation = activation.filter(|_| counts == "lagCount").unwrap_or(0);
    Some((key?, count, target, activation))
}

impl RedisServer {
    fn read(kind: &str, parameters: &mut Parameters<'_>) -> Option<RedisServer> {
        if kind.contains("cluster") {
            return addresses(parameters).map(RedisServer::Cluster);
        }
        if kind.contains("sentinel") {
            let addresses = addresses(parameters);
            let master = parameters.needed_text(anywhere("sentinelMaster"));
            let username = parameters.secret(anywhere("sentinelUsername"));
            let password = parameters.secret(hidden("sentinelPassword"));
            return Some(RedisServer::Sentinel { addresses: addresses?, master: master?, username, password });
        }
        const HOST: Name = anywhere("host");
        let port = |text: &str| text.parse::<u16>().map_err(|_| "is not a port".to_owned());
        if !parameters.has(anywhere("address")) && parameters.has(HOST) {
            let (host, port) = (parameters.text(HOST), parameters.needed(anywhere("port"), port));
            return Some(RedisServer::Single(format!("{}:{}", host?, port?)));
        }
        parameters.ask("port");
        parameters.needed(anywhere("address"), text::address).map(RedisServer::Single)
    }
}

/// `addresses`, or `hosts` and `ports`.
fn addresses(parameters: &mut Parameters<'_>) -> Option<Vec<String>> {
    let each = |text: &str| text::list(text, ',').iter().map(|text| text::address(text)).collect();
    if parameters.has(anywhere("addresses")) || !parameters.has(anywhere("hosts")) {
        parameters.ask("ports");
        return parameters.needed(anywhere("addresses"), each);
    }
    let split = |text: &str| Ok(text::list(text, ','));
    let (hosts, ports) = (parameters.parsed(anywhere("hosts"), split)?, parameters.needed(anywhere("ports"), split)?);
    if hosts.len() != ports.len() {
        let message = format!("has {} ports for {} hosts: each needs one", ports.len(), hosts.len());
        parameters.refuse("ports", message);
    }
    let all: Result<Vec<String>, String> =
        hosts.iter().zip(&ports).map(|(host, port)| text::address(&format!("{host}:{port}"))).collect();
    all.map_err(|refused| parameters.refuse("ports", refused)).ok()
}
