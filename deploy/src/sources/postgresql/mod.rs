//! PostgreSQL: the first column of the first row of a query.
//!
//! A few connections a (server, user, database), each with one query at a time, kept while they are idle. A query that
//! takes too long is cancelled at the server. Where a trigger names a channel (`notifyChannel`), `NOTIFY` on it is told.

mod connection;
mod query;
mod ssl;
mod told;

use std::fmt;
use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::postgresql as measure;
use autoscaler::triggers::metadata::Postgresql as Trigger;
use config::bounds;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use parking_lot::Mutex;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::asked::Asked;
use super::{Answer, Edge, Key, Look, OpenError, Pool, Server, Source, Trouble, edges};

/// What reads one trigger.
#[derive(Debug)]
pub(super) struct Postgresql {
    trigger: Trigger,
    client: Arc<Client>,
    asked: Asked<Option<String>>,
}

impl Postgresql {
    pub(super) fn open(trigger: &Trigger, pool: &Pool) -> Result<Postgresql, OpenError> {
        let who = Key::new(["postgresql", trigger.connection.to_text().expose()]);
        let client = pool.share(who, || Client::new(&trigger.connection))?;
        let key = Key::new([who.as_ref(), trigger.query.as_bytes()]);
        let asked = Asked::new(&client.name, key, pool)?;
        Ok(Postgresql { trigger: trigger.clone(), client, asked })
    }
}

impl Source for Postgresql {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let answered = self.asked.read(look, self.client.first_cell(&self.trigger.query)).await;
            let reading = |cell: Option<String>| measure::first_cell(cell.as_deref(), self.trigger.activation);
            answered.map_or_else(Reading::Failed, reading).into()
        })
    }

    fn key(&self) -> &Key {
        self.asked.key()
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asked.server())
    }

    fn edges(&self) -> Option<BoxStream<'static, Edge>> {
        let channel = self.trigger.notify_channel.clone()?;
        let client = self.client.clone();
        let listen = move || {
            let (client, channel) = (client.clone(), channel.clone());
            async move { client.notified(&channel).await }
        };
        Some(edges::again(self.client.name.clone(), listen))
    }
}

/// One database, and one user of it.
struct Client {
    /// What people are shown.
    name: String,
    config: Config,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<tokio_postgres::Client>>,
}

impl Client {
    /// A connection that nobody uses, or a new one.
    async fn take(&self) -> Result<tokio_postgres::Client, Trouble> {
        loop {
            let idle = self.idle.lock().pop();
            match idle {
                Some(client) if client.is_closed() => {}
                Some(client) => return Ok(client),
                None => return self.connect().await,
            }
        }
    }

    /// The next query may have it.
    fn give_back(&self, client: tokio_postgres::Client) {
        let mut idle = self.idle.lock();
        if idle.len() < bounds::POSTGRESQL_IDLE {
            idle.push(client);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.name).finish()
    }
}
