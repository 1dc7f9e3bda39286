//! Redis: lists and what else has a length, and streams; of one server, a cluster, or one that sentinels know.
//!
//! One connection a server, in which all reads wait for their answers side by side. Where a trigger says so
//! (`keyspaceNotifications`), the server tells when something is added.

mod connect;
mod count;
mod told;

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::redis as measure;
use autoscaler::triggers::metadata::{Count, Redis as Trigger};
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, Pipeline, RedisFuture, Value};

use self::connect::{Connector, trouble};
use super::asked::Asked;
use super::kept::Kept;
use super::{Answer, Edge, Key, Look, OpenError, Pool, Server, Source, Trouble, edges};

/// What reads one trigger.
#[derive(Debug)]
pub(super) struct Redis {
    trigger: Trigger,
    client: Arc<Client>,
    asked: Asked<Option<i64>>,
}

impl Redis {
    pub(super) fn open(trigger: &Trigger, pool: &Pool) -> Result<Redis, OpenError> {
        let who = connect::key(trigger);
        let client = pool.share(who, || Client::new(trigger))?;
        let (what, group) = match &trigger.count {
            Count::Items => ("items", ""),
            Count::Length => ("length", ""),
            Count::Pending { group } => ("pending", group.as_str()),
            Count::Lag { group } => ("lag", group.as_str()),
        };
        let key = Key::new([who.as_ref(), trigger.key.as_bytes(), what.as_bytes(), group.as_bytes()]);
        let asked = Asked::new(&connect::name(&trigger.server), key, pool)?;
        Ok(Redis { trigger: trigger.clone(), client, asked })
    }
}

impl Source for Redis {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let counted = self.asked.read(look, self.client.count(&self.trigger)).await;
            let activation = i64::try_from(self.trigger.activation).unwrap_or(i64::MAX);
            counted.map_or_else(Reading::Failed, |count| measure::count(count, activation)).into()
        })
    }

    fn key(&self) -> &Key {
        self.asked.key()
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asked.server())
    }

    fn edges(&self) -> Option<BoxStream<'static, Edge>> {
        if !self.trigger.notifications {
            return None;
        }
        let (client, trigger) = (self.client.clone(), self.trigger.clone());
        let listen = move || {
            let (client, key, database) = (client.clone(), trigger.key.clone(), trigger.database);
            async move { client.added(database, &key).await }
        };
        Some(edges::again(connect::name(&self.trigger.server), listen))
    }
}

/// One server, cluster or group of sentinels, and one user of it.
#[derive(Debug)]
struct Client {
    connector: Connector,
    kept: Kept<Connection>,
}

impl Client {
    fn new(trigger: &Trigger) -> Result<Client, OpenError> {
        Ok(Client { connector: Connector::new(trigger)?, kept: Kept::new() })
    }

    /// What `trigger` counts. A connection that has died while nobody used it costs no read.
    async fn count(&self, trigger: &Trigger) -> Result<Option<i64>, Trouble> {
        loop {
            let mut connection = self.kept.lease(self.connector.connect()).await?;
            let counted = count::count(connection.get_mut(), trigger).await;
            let counted = counted.map_err(|error| trouble(&error));
            match counted {
                Err(Trouble::Server(_)) if !connection.is_new() => {}
                Err(Trouble::Server(_)) => return counted,
                _ => {
                    connection.give_back();
                    return counted;
                }
            }
        }
    }
}

/// A connection, which many share.
#[derive(Clone)]
enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To each server of a cluster.
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(..)")
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Connection::One(one) => one.req_packed_command(command),
            Connection::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        all: &'a Pipeline,
        skip: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Connection::One(one) => one.req_packed_commands(all, skip, count),
            Connection::Cluster(cluster) => cluster.req_packed_commands(all, skip, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Connection::One(one) => one.get_db(),
            Connection::Cluster(cluster) => cluster.get_db(),
        }
    }
}
