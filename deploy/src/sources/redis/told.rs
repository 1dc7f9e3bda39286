//! Keyspace notifications: Redis tells at once when something is added to a key.

use std::future::ready;

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use redis::{Msg, cmd};

use super::connect::trouble;
use super::{Client, Trouble};

/// Events after which there may be more in a key than before, of every type that has a length.
const ADDING: [&str; 17] = [
    "lpush",
    "rpush",
    "linsert",
    "sadd",
    "sinterstore",
    "sunionstore",
    "sdiffstore",
    "zadd",
    "zincr",
    "zinterstore",
    "zunionstore",
    "hset",
    "hincrby",
    "xadd",
    "xgroup-create",
    "rename_to",
    "restore",
];

impl Client {
    /// Yields whenever something may have been added to `key` of `database`, until the connection breaks. Once at the
    /// beginning as well, for what came while nobody listened.
    ///
    /// # Errors
    /// The server is away or refuses; or it tells nobody of such changes: its setting `notify-keyspace-events` must have
    /// `K`, and `A` or the letter of a type. Rouse does not set it.
    pub(super) async fn added(&self, database: u32, key: &str) -> Result<BoxStream<'static, ()>, Trouble> {
        let client = self.connector.teller().await?;
        must_tell(&client).await?;
        let mut told = client.get_async_pubsub().await.map_err(|error| trouble(&error))?;
        told.subscribe(format!("__keyspace@{database}__:{key}")).await.map_err(|error| trouble(&error))?;
        let added = told.into_on_message().filter_map(|message| ready(adds(&message).then_some(())));
        Ok(Box::pin(stream::iter([()]).chain(added)))
    }
}

/// That the server is set to tell. One that does not say how it is set is believed.
async fn must_tell(client: &redis::Client) -> Result<(), Trouble> {
    let mut connection = client.get_multiplexed_async_connection().await.map_err(|error| trouble(&error))?;
    let asked = cmd("CONFIG").arg("GET").arg("notify-keyspace-events").query_async(&mut connection).await;
    let Ok((_, set)): Result<(String, String), _> = asked else { return Ok(()) };
    if is_enough(&set) {
        return Ok(());
    }
    let message = format!("notify-keyspace-events is {set:?}, so that nobody is told of changes: set it to KA");
    Err(Trouble::Question(message))
}

fn adds(message: &Msg) -> bool {
    message.get_payload::<String>().is_ok_and(|event| ADDING.contains(&event.as_str()))
}

/// `K` for the channel by key, and some type of key.
fn is_enough(set: &str) -> bool {
    set.contains('K') && set.contains(|letter| "Alszht".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_tells_of_no_key_is_known() {
        for enough in ["KA", "AKE", "Kl", "Kt"] {
            assert!(is_enough(enough), "{enough}");
        }
        for too_little in ["", "A", "EA", "K", "Kg"] {
            assert!(!is_enough(too_little), "{too_little}");
        }
    }
}
