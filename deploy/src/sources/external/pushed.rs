//! What an external scaler says unasked.

use std::sync::Arc;

use autoscaler::triggers::measure::external::{Push, pushed};
use config::bounds;
use futures_core::stream::BoxStream;
use futures_util::stream;
use tokio::time::sleep;
use tonic::Streaming;
use tracing::debug;

use super::client::{Client, trouble};
use crate::external::messages::{IsActive, ScaledObjectRef};
use crate::sources::pause::Pause;
use crate::sources::{Edge, Trouble};

struct Stream {
    client: Arc<Client>,
    server: String,
    object: ScaledObjectRef,
    pause: Pause,
    open: Option<Streaming<IsActive>>,
}

/// A wake for every frame that says so. The stream is opened when somebody asks for the first, and again, after a pause,
/// whenever it ends: in between only polls tell.
pub(super) fn edges(client: Arc<Client>, server: String, object: ScaledObjectRef) -> BoxStream<'static, Edge> {
    let pause = Pause::new(bounds::PUSH_RETRY_FIRST..bounds::PUSH_RETRY_SLOWEST);
    let stream = Stream { client, server, object, pause, open: None };
    Box::pin(stream::unfold(stream, async |mut stream| {
        loop {
            match stream.frame().await {
                Ok(frame) => {
                    stream.pause.reset();
                    if pushed(frame.result) == Push::Wake {
                        return Some((Edge::Wake, stream));
                    }
                }
                Err(why) => {
                    stream.open = None;
                    let (Trouble::Server(why) | Trouble::Question(why)) = why;
                    debug!("{}: the stream of an external scaler: {why}", stream.server);
                    sleep(stream.pause.longer()).await;
                }
            }
        }
    }))
}

impl Stream {
    /// The next frame. It may take days, and the connection is asked meanwhile whether it still lives.
    async fn frame(&mut self) -> Result<IsActive, Trouble> {
        let open = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(self.client.pushes(self.object.clone()).await?),
        };
        let frame = open.message().await.map_err(|status| trouble(&status))?;
        frame.ok_or_else(|| Trouble::Server("the server ended it".to_owned()))
    }
}
