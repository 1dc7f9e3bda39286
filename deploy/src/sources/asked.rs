//! A question to a server that is asked again and again.

use std::sync::Arc;
use std::time::Duration;

use config::defaults::triggers::SOURCE_TIMEOUT;
use tokio::time::Instant;

use super::{Key, Look, OpenError, Pool, Server, Slot, Trouble};

/// A question, whom it is asked, and what was answered last.
#[derive(Debug)]
pub(super) struct Asked<T: Clone> {
    key: Key,
    server: Arc<Server>,
    slot: Arc<Slot<T>>,
    timeout: Duration,
}

impl<T: Clone + Send + Sync + 'static> Asked<T> {
    /// The question that `key` stands for, to the server of that `name`.
    pub(super) fn new(name: &str, key: Key, pool: &Pool) -> Result<Asked<T>, OpenError> {
        let (server, slot) = (pool.server(name)?, pool.slot(key)?);
        Ok(Asked { key, server, slot, timeout: SOURCE_TIMEOUT })
    }

    /// With a `timeout` of its own.
    pub(super) fn within(self, timeout: Duration) -> Asked<T> {
        Asked { timeout, ..self }
    }

    /// What stands for it.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Whom it is asked.
    pub(super) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The answer, by `ask` if nobody else has it.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub(super) async fn read(&self, look: Look, ask: impl Future<Output = Result<T, Trouble>>) -> Result<T, String> {
        let deadline = Instant::now() + self.timeout;
        self.slot.read(look, deadline, self.server.read(deadline, ask)).await
    }
}
