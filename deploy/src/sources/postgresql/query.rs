//! One query.

use std::pin::pin;

use config::defaults::triggers::SOURCE_TIMEOUT;
use futures_util::TryStreamExt;
use tokio::time::timeout;
use tokio_postgres::{CancelToken, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::trouble;
use super::{Client, Trouble};

impl Client {
    /// The first column of the first row of `query`, in PostgreSQL's own text; none if there is no row, or it is null.
    pub(super) async fn first_cell(&self, query: &str) -> Result<Option<String>, Trouble> {
        let client = self.take().await?;
        let mut running = Running::of(&client, self.tls.clone());
        let answered = first_cell(&client, query).await;
        match &answered {
            Ok(First::Only(_)) | Err(Trouble::Question(_)) => {
                running.is_done = true;
                self.give_back(client);
            }
            // Of the others nobody wants to hear.
            Ok(First::OfMany(_)) => {}
            Err(Trouble::Server(_)) => running.is_done = true,
        }
        answered.map(|first| match first {
            First::Only(cell) | First::OfMany(cell) => cell,
        })
    }
}

enum First {
    Only(Option<String>),
    OfMany(Option<String>),
}

async fn first_cell(client: &tokio_postgres::Client, query: &str) -> Result<First, Trouble> {
    let failed = |error| trouble(&error);
    let mut messages = pin!(client.simple_query_raw(query).await.map_err(failed)?);
    let mut first = None;
    while let Some(message) = messages.try_next().await.map_err(failed)? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        if let Some(cell) = first {
            return Ok(First::OfMany(cell));
        }
        first = Some(if row.is_empty() { None } else { row.get(0).map(str::to_owned) });
    }
    Ok(First::Only(first.flatten()))
}

/// A query that is cancelled at the server unless it is done: who stops waiting for it stops it.
struct Running {
    token: CancelToken,
    tls: MakeRustlsConnect,
    is_done: bool,
}

impl Running {
    fn of(client: &tokio_postgres::Client, tls: MakeRustlsConnect) -> Running {
        Running { token: client.cancel_token(), tls, is_done: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.is_done {
            return;
        }
        let (token, tls) = (self.token.clone(), self.tls.clone());
        runtime.spawn(async move {
            // If the server does not take it, it is busy with worse.
            let _sent = timeout(SOURCE_TIMEOUT, token.cancel_query(tls)).await;
        });
    }
}
