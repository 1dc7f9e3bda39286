//! `LISTEN`: who puts work into a table can tell of it by `NOTIFY`.

use std::future::poll_fn;

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, future, stream};
use tokio_postgres::AsyncMessage;

use super::connection::trouble;
use super::{Client, Trouble};

impl Client {
    /// Yields whenever somebody notifies `channel`, until the connection breaks. Once at the beginning as well, for what
    /// came while nobody listened.
    pub(super) async fn notified(&self, channel: &str) -> Result<BoxStream<'static, ()>, Trouble> {
        let (client, mut connection) = self.connect_raw().await?;
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context)).boxed();
        let listen = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
        {
            let mut listening = std::pin::pin!(client.batch_execute(&listen));
            // The connection moves only while somebody asks it for messages.
            let listened = poll_fn(|context| {
                let broke = messages.poll_next_unpin(context);
                match (listening.as_mut().poll(context), broke) {
                    (std::task::Poll::Ready(done), _) => std::task::Poll::Ready(done),
                    (_, std::task::Poll::Ready(Some(Err(error)))) => std::task::Poll::Ready(Err(error)),
                    _ => std::task::Poll::Pending,
                }
            });
            listened.await.map_err(|error| trouble(&error))?;
        }
        let told = messages
            .take_while(|message| future::ready(message.is_ok()))
            .filter(|message| future::ready(matches!(message, Ok(AsyncMessage::Notification(_)))))
            .map(move |_| {
                let _ = &client; // it ends the connection when it goes
            });
        Ok(stream::iter([()]).chain(told).boxed())
    }
}
