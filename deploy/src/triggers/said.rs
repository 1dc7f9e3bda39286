//! A source for tests.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::Reading;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::sources::{Answer, Edge, Key, Look, Source};

/// A source that says what the test says; nothing, and it hangs for its timeout and fails.
#[derive(Debug)]
struct Said {
    says: watch::Receiver<Option<Reading>>,
    edges: Arc<Mutex<Option<mpsc::Receiver<Edge>>>>,
    key: Key,
}

const TIMEOUT: Duration = Duration::from_secs(3);

impl Source for Said {
    fn read(&self, _: Look) -> BoxFuture<'_, Answer> {
        let says = self.says.borrow().clone();
        Box::pin(async move {
            match says {
                Some(reading) => reading.into(),
                None => {
                    sleep(TIMEOUT).await;
                    Reading::failed("no answer in time").into()
                }
            }
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn edges(&self) -> Option<BoxStream<'static, Edge>> {
        let edges = self.edges.lock().take()?;
        Some(Box::pin(stream::unfold(edges, async |mut edges| Some((edges.recv().await?, edges)))))
    }
}

/// What a test says of one trigger.
pub(crate) struct Says {
    reading: watch::Sender<Option<Reading>>,
    edges: mpsc::Sender<Edge>,
    activation: f64,
}

impl Says {
    pub(crate) fn value(&self, metric: f64) {
        self.reading.send_replace(Some(Reading::above(metric, self.activation)));
    }

    pub(crate) fn hangs(&self) {
        self.reading.send_replace(None);
    }

    pub(crate) async fn edge(&self, edge: Edge) {
        self.edges.send(edge).await.expect("it is heard");
    }
}

/// A source that says zero so far, and is active above `activation`.
pub(crate) fn source(name: &str, activation: f64) -> (Box<dyn Source>, Says) {
    let (reading, says) = watch::channel(Some(Reading::above(0.0, activation)));
    let (edges, hears) = mpsc::channel(4);
    let said = Said { says, edges: Arc::new(Mutex::new(Some(hears))), key: Key::new([name]) };
    (Box::new(said), Says { reading, edges, activation })
}
