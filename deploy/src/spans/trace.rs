//! Makes spans of what happened.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use config::Time;
use opentelemetry::trace::{Span as _, SpanBuilder, TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor};
use parking_lot::Mutex;
use queue_proxy::Clock;

use super::told::Told;
use crate::wakes::Woken;

/// Makes spans, with the times at which things happened.
#[derive(Debug)]
pub(super) struct Traces {
    tracer: SdkTracer,
    ended: Ended,
    /// When the clock that things happened by was at its origin.
    origin: SystemTime,
}

impl Traces {
    /// Of what happens by `clock`. Which traces are sampled is as the environment says (`OTEL_TRACES_SAMPLER`).
    pub(super) fn new(clock: Clock) -> Traces {
        let ended = Ended::default();
        let provider = SdkTracerProvider::builder().with_span_processor(ended.clone()).build();
        let origin = SystemTime::now().checked_sub(clock.now().since(Time::ZERO)).unwrap_or(SystemTime::UNIX_EPOCH);
        Traces { tracer: provider.tracer("rouse"), ended, origin }
    }

    /// The spans of one thing, appended to `spans`; none if its trace is not sampled.
    pub(super) fn of(&self, told: &Told, spans: &mut Vec<SpanData>) {
        match told {
            Told::Scaled { workload, from, to, why, at } => {
                let attributes = [
                    KeyValue::new("workload", workload.to_string()),
                    KeyValue::new("from", i64::from(*from)),
                    KeyValue::new("to", i64::from(*to)),
                    KeyValue::new("rule", why.rule),
                    KeyValue::new("because", why.because.clone()),
                ];
                let builder = self.begun("scaled", *at).with_attributes(attributes);
                builder.start_with_context(&self.tracer, &Context::new()).end_with_timestamp(self.wall(*at));
            }
            Told::Woke(woken) => self.wake(woken),
        }
        spans.append(&mut self.ended.0.lock());
    }

    fn wake(&self, woken: &Woken) {
        let builder = self.begun("wake", woken.seen).with_attributes(attributes(woken));
        let trace = Context::new().with_span(builder.start_with_context(&self.tracer, &Context::new()));
        for (phase, begin, end) in woken.phases() {
            let mut span = self.begun(phase.word(), begin).start_with_context(&self.tracer, &trace);
            span.end_with_timestamp(self.wall(end));
        }
        trace.span().end_with_timestamp(self.wall(woken.seen + woken.took()));
    }

    fn begun(&self, name: &'static str, at: Time) -> SpanBuilder {
        SpanBuilder::from_name(name).with_start_time(self.wall(at))
    }

    fn wall(&self, at: Time) -> SystemTime {
        self.origin + at.since(Time::ZERO)
    }
}

fn attributes(woken: &Woken) -> Vec<KeyValue> {
    let mut all = vec![
        KeyValue::new("workload", woken.workload.to_string()),
        KeyValue::new("requests", i64::try_from(woken.requests).unwrap_or(i64::MAX)),
    ];
    if let Some(why) = woken.why() {
        all.push(KeyValue::new("pods", i64::from(why.pods)));
        all.push(KeyValue::new("rule", why.rule));
        all.push(KeyValue::new("because", why.because.clone()));
    }
    all.extend(woken.pod().map(|pod| KeyValue::new("pod", pod.to_string())));
    all
}

/// Who we are to a collector: `rouse`, unless the environment has another name (`OTEL_SERVICE_NAME`), with what else it
/// says of us (`OTEL_RESOURCE_ATTRIBUTES`).
pub(super) fn resource() -> Resource {
    let told = Resource::builder().build();
    let name = told.get(&"service.name".into()).map(|name| name.to_string());
    match name {
        Some(name) if !name.starts_with("unknown_service") => told,
        _ => Resource::builder().with_service_name("rouse").build(),
    }
}

/// Spans that ended since they were last taken: those of one trace.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.lock().push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
