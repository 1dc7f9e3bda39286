//! Spans get to a collector, or are counted, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use activator::Wake;
use config::{Reason, Time, WorkloadId};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use parking_lot::Mutex;

use super::*;
use crate::wakes::Wakes;

/// Remembers the batches that it took.
#[derive(Clone, Debug, Default)]
struct Shelf {
    batches: Arc<Mutex<Vec<Vec<SpanData>>>>,
    /// How many batches it will refuse, and how long it takes for any.
    refuses: Arc<AtomicU32>,
    takes: Duration,
    asked: Arc<AtomicU32>,
}

impl SpanExporter for Shelf {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.asked.fetch_add(1, Ordering::Relaxed);
        sleep(self.takes).await;
        if self.refuses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(OTelSdkError::InternalFailure("busy".to_owned()));
        }
        self.batches.lock().push(batch);
        Ok(())
    }
}

impl Shelf {
    fn refusing(batches: u32) -> Shelf {
        Shelf { refuses: Arc::new(AtomicU32::new(batches)), ..Shelf::default() }
    }

    fn taking(takes: Duration) -> Shelf {
        Shelf { takes, ..Shelf::default() }
    }

    fn begin(&self) -> (Spans, Carrying) {
        Carrying::begin(Traces::new(Clock::start()), self.clone())
    }

    fn names(&self) -> Vec<Vec<String>> {
        let names = |batch: &Vec<SpanData>| batch.iter().map(|span| span.name.to_string()).collect();
        self.batches.lock().iter().map(names).collect()
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn hello() -> WorkloadId {
    "hello".parse().unwrap()
}

fn scale(spans: &Spans) {
    let why = Reason { rule: "stable-window", pods: 1, because: "1 waits".to_owned() };
    spans.scaled(&hello(), 0, 1, &why, Time::ZERO);
}

fn wake() -> Wake {
    let (held_at, released_at) = (Time::from_secs_f64(1.0), Time::from_secs_f64(2.0));
    Wake { workload: hello(), held_at, released_at, requests: 1, first_byte: Arc::default() }
}

/// What happens in `story`, and how many spans it counted as dropped.
fn dropped_in(story: impl Future<Output = ()>) -> u64 {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(story));
    let page = recorder.handle().render();
    let count = page.lines().find_map(|line| line.strip_prefix("rouse_spans_dropped_total "));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_trace_waits_for_the_first_answer_and_others_do_not_wait_for_it() {
    let shelf = Shelf::default();
    let (spans, _carrying) = shelf.begin();
    let wake = wake();
    spans.woke(&Wakes::default().woke(&wake));
    scale(&spans);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(shelf.names(), [["scaled"]]);
    wake.first_byte.set(Time::from_secs_f64(11.0)).unwrap();
    sleep(bounds::SPANS_POLL + 2 * bounds::SPANS_DELAY).await;
    assert_eq!(shelf.names()[1], ["handed-over", "first-byte", "wake"]);
    let batches = shelf.batches.lock();
    let [.., first_byte, wake] = &batches[1][..] else { panic!("{batches:?}") };
    assert_eq!(first_byte.end_time.duration_since(first_byte.start_time).unwrap(), Duration::from_secs(9));
    assert_eq!(wake.end_time.duration_since(wake.start_time).unwrap(), Duration::from_secs(10));
    assert_eq!(first_byte.parent_span_id, wake.span_context.span_id());
    assert_eq!(first_byte.span_context.trace_id(), wake.span_context.trace_id());
}

#[tokio::test(start_paused = true)]
async fn a_wake_that_is_never_answered_is_told_without_an_answer() {
    let shelf = Shelf::default();
    let (spans, _carrying) = shelf.begin();
    spans.woke(&Wakes::default().woke(&wake()));
    sleep(bounds::SPANS_FIRST_BYTE - bounds::SPANS_DELAY).await;
    assert_eq!(shelf.asked(), 0);
    sleep(3 * bounds::SPANS_DELAY).await;
    assert_eq!(shelf.names(), [["handed-over", "wake"]]);
}

#[test]
fn a_batch_is_sent_again_and_given_up_and_the_next_gets_through() {
    let shelf = Shelf::refusing(bounds::SPANS_TRIES - 1);
    let dropped = dropped_in(async {
        let (spans, _carrying) = shelf.begin();
        scale(&spans);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(shelf.names(), [["scaled"]], "the last try got through");
        shelf.refuses.store(bounds::SPANS_TRIES, Ordering::Relaxed);
        scale(&spans);
        scale(&spans);
        sleep(Duration::from_secs(10)).await;
        assert_eq!((shelf.names().len(), shelf.asked()), (1, 2 * bounds::SPANS_TRIES));
        scale(&spans);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(shelf.names().len(), 2);
    });
    assert_eq!(dropped, 2);
}

#[test]
fn what_a_slow_collector_cannot_take_is_dropped_and_counted() {
    let shelf = Shelf::taking(Duration::from_secs(3600));
    let dropped = dropped_in(async {
        let (spans, _carrying) = shelf.begin();
        scale(&spans);
        sleep(2 * bounds::SPANS_DELAY).await;
        assert_eq!(shelf.asked(), 1, "it is at it");
        (0..bounds::SPANS_TOLD + 5).for_each(|_| scale(&spans));
        spans.woke(&Wakes::default().woke(&wake()));
    });
    assert_eq!(dropped, 5 + 2, "a wake and its one phase");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_that_was_told_is_sent() {
    let shelf = Shelf::default();
    let (spans, carrying) = shelf.begin();
    spans.woke(&Wakes::default().woke(&wake()));
    (0..bounds::SPANS_TOLD - 1).for_each(|_| scale(&spans));
    let began = Instant::now();
    carrying.finish().await;
    assert_eq!(Instant::now(), began, "it waits for nothing");
    assert_eq!(shelf.batches.lock().iter().flatten().count(), bounds::SPANS_TOLD - 1 + 2);
}

#[test]
fn a_collector_that_does_not_answer_does_not_keep_a_process_from_ending() {
    let shelf = Shelf::taking(Duration::from_secs(3600));
    dropped_in(async {
        let (spans, carrying) = shelf.begin();
        scale(&spans);
        let began = Instant::now();
        carrying.finish().await;
        assert_eq!((shelf.asked(), Instant::now() - began), (1, bounds::SPANS_LAST_WORDS));
    });
}

#[tokio::test(start_paused = true)]
async fn one_that_is_away_at_the_end_is_asked_once_more_and_no_longer_waited_for() {
    let shelf = Shelf::refusing(u32::MAX);
    let (spans, carrying) = shelf.begin();
    scale(&spans);
    sleep(bounds::SPANS_DELAY + Duration::from_millis(100)).await;
    assert_eq!(shelf.asked(), 1);
    let began = Instant::now();
    carrying.finish().await;
    assert_eq!((shelf.asked(), Instant::now()), (2, began));
}
