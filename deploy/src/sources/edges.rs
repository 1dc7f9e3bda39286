//! What servers tell unasked, again and again.

use std::time::Duration;

use config::bounds;
use config::defaults::triggers::SOURCE_TIMEOUT;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::pause::Pause;
use super::{Edge, Trouble};

/// What the streams that `open` makes say, one after another: when one ends, or cannot be opened in time, the next is opened
/// after a pause. `name` is for people.
pub(super) fn again<F>(name: String, open: impl Fn() -> F + Send + 'static) -> BoxStream<'static, Edge>
where
    F: Future<Output = Result<BoxStream<'static, ()>, Trouble>> + Send + 'static,
{
    let pause = Pause::new(bounds::SOURCE_RETRY_FIRST..bounds::SOURCE_RETRY_SLOWEST);
    let opened = stream::unfold((pause, open, Duration::ZERO), move |(mut pause, open, wait)| {
        let name = name.clone();
        async move {
            sleep(wait).await;
            let opened = timeout(SOURCE_TIMEOUT, open()).await;
            let opened = opened.unwrap_or_else(|_| Err(Trouble::Server("no answer in time".to_owned())));
            let told = match opened {
                Ok(told) => {
                    pause.reset();
                    told
                }
                Err(Trouble::Server(why) | Trouble::Question(why)) => {
                    debug!("{name}: no word of changes, only polls: {why}");
                    stream::empty().boxed()
                }
            };
            let wait = pause.longer();
            Some((told, (pause, open, wait)))
        }
    });
    opened.flatten().map(|()| Edge::Read).boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_breaks_or_cannot_be_opened_or_hangs_is_opened_again() {
        let count = Arc::new(AtomicU32::new(0));
        let open = move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match number {
                    0 => Ok(stream::iter([(), ()]).boxed()),
                    1 => Err(Trouble::Server("refused".to_owned())),
                    2 => std::future::pending().await,
                    _ => Ok(stream::iter([()]).boxed()),
                }
            }
        };
        let edges = again("server".to_owned(), open);
        assert_eq!(edges.take(4).collect::<Vec<_>>().await, [Edge::Read; 4]);
    }
}
