//! Carries spans to a collector: in batches, a few times if need be, and at the end what is left.

use std::collections::VecDeque;
use std::mem;

use anyhow::Context;
use config::bounds;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter as Otlp, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::collector::{Collector, Endpoint};
use super::told::{self, Spans, Told};
use super::trace::{self, Traces};

/// A task that carries spans; it ends when this is dropped.
#[derive(Debug)]
pub struct Carrying(Option<Running>);

#[derive(Debug)]
struct Running {
    task: AbortOnDropHandle<()>,
    ending: CancellationToken,
}

impl Carrying {
    fn begin<E: SpanExporter + 'static>(traces: Traces, exporter: E) -> (Spans, Carrying) {
        let (sender, told) = mpsc::channel(bounds::SPANS_TOLD);
        let ending = CancellationToken::new();
        let carrier = Carrier {
            told,
            traces,
            exporter,
            ending: ending.clone(),
            unanswered: VecDeque::new(),
            batch: Vec::new(),
            send_by: None,
            fails: false,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(carrier.run()));
        (Spans::to(sender), Carrying(Some(Running { task, ending })))
    }

    /// Sends what was told until now, and ends: within [`bounds::SPANS_LAST_WORDS`].
    pub async fn finish(self) {
        let Some(Running { task, ending }) = self.0 else { return };
        ending.cancel();
        if timeout(bounds::SPANS_LAST_WORDS, task).await.is_err() {
            warn!("the collector was too slow for the last spans");
        }
    }
}

/// Begins to carry spans to `endpoint`, on the runtime it is called on. What happens is told by `clock`. Further headers
/// are as the environment says (`OTEL_EXPORTER_OTLP_HEADERS`).
///
/// # Errors
/// When what the environment says of spans is wrong.
pub fn open(endpoint: Option<&Endpoint>, clock: Clock) -> anyhow::Result<(Spans, Carrying)> {
    let Some(traces) = endpoint.and_then(Endpoint::traces) else { return Ok((Spans::default(), Carrying(None))) };
    let mut exporter = Otlp::builder()
        .with_http()
        .with_http_client(Collector)
        .with_endpoint(traces.to_string())
        .with_protocol(Protocol::HttpBinary)
        .with_retry_policy(RetryPolicy::disabled()) // it would make this thread sleep
        .build()
        .context("cannot send spans")?;
    exporter.set_resource(&trace::resource());
    info!("spans go to {traces}");
    Ok(Carrying::begin(Traces::new(clock), exporter))
}

struct Carrier<E> {
    told: mpsc::Receiver<Told>,
    traces: Traces,
    exporter: E,
    ending: CancellationToken,
    /// Wakes whose first answer has not begun, and until when it is waited for; at most [`bounds::WAKES_KEPT`].
    unanswered: VecDeque<(Instant, Told)>,
    /// At most [`bounds::SPANS_BATCH`] and one trace; when it ends, what was still waiting.
    batch: Vec<SpanData>,
    send_by: Option<Instant>,
    /// Whether the last batch did not get through.
    fails: bool,
}

impl<E: SpanExporter> Carrier<E> {
    async fn run(mut self) {
        loop {
            let look = (!self.unanswered.is_empty()).then(|| Instant::now() + bounds::SPANS_POLL);
            let due = look.into_iter().chain(self.send_by).min();
            let due = async {
                match due {
                    Some(instant) => sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased; // or a busy queue would put off the end
                () = self.ending.cancelled() => break,
                () = due => {}
                told = self.told.recv() => match told {
                    Some(told) => self.take(told, Instant::now()),
                    None => break,
                },
            }
            let now = Instant::now();
            self.look(now);
            if self.batch.len() >= bounds::SPANS_BATCH || self.send_by.is_some_and(|by| by <= now) {
                self.send().await;
            }
        }
        self.last_words().await;
    }

    /// A wake waits for its first answer; all else is spans at once.
    fn take(&mut self, told: Told, now: Instant) {
        if let Told::Scaled { .. } = told {
            return self.pack(&told, now);
        }
        if self.unanswered.len() == bounds::WAKES_KEPT
            && let Some((_, oldest)) = self.unanswered.pop_front()
        {
            self.pack(&oldest, now);
        }
        self.unanswered.push_back((now + bounds::SPANS_FIRST_BYTE, told));
    }

    fn pack(&mut self, told: &Told, now: Instant) {
        self.traces.of(told, &mut self.batch);
        if !self.batch.is_empty() {
            self.send_by.get_or_insert(now + bounds::SPANS_DELAY);
        }
    }

    /// Packs the wakes that are answered, or have waited long enough.
    fn look(&mut self, now: Instant) {
        let over = |(until, told): &(Instant, Told)| match told {
            Told::Woke(woken) => woken.is_answered() || *until <= now,
            Told::Scaled { .. } => true,
        };
        while self.batch.len() < bounds::SPANS_BATCH
            && let Some(at) = self.unanswered.iter().position(over)
            && let Some((_, told)) = self.unanswered.remove(at)
        {
            self.pack(&told, now);
        }
    }

    async fn last_words(&mut self) {
        self.told.close();
        let now = Instant::now();
        while let Ok(told) = self.told.try_recv() {
            self.take(told, now);
        }
        for (_, told) in mem::take(&mut self.unanswered) {
            self.pack(&told, now);
        }
        if !self.batch.is_empty() {
            self.send().await;
        }
    }

    /// Sends the batch, or gives it up. Meanwhile nothing is taken from the queue, which has a bound.
    async fn send(&mut self) {
        self.send_by = None;
        let batch = mem::take(&mut self.batch);
        let mut tries = 1;
        let error = loop {
            let taken = timeout(bounds::SPANS_SEND_TIME, self.exporter.export(batch.clone())).await;
            let error = match taken {
                Ok(Ok(())) => return self.got_through(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {:?}", bounds::SPANS_SEND_TIME),
            };
            if tries == bounds::SPANS_TRIES || self.ending.is_cancelled() {
                break error;
            }
            tries += 1;
            tokio::select! {
                () = sleep(bounds::SPANS_DELAY) => {}
                () = self.ending.cancelled() => {} // and once more
            }
        };
        told::dropped(batch.len());
        if !mem::replace(&mut self.fails, true) {
            warn!("the collector does not take spans: {error}");
        }
    }

    fn got_through(&mut self) {
        if mem::replace(&mut self.fails, false) {
            info!("the collector takes spans again");
        }
    }
}

#[cfg(test)]
mod tests;
