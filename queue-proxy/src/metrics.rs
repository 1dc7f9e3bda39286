//! What a queue-proxy tells Prometheus; a test compares this list with what the binary exports.
//!
//! | metric | what |
//! | --- | --- |
//! | `rouse_queue_proxy_request_duration_seconds{code_class}` | histogram: admission to last byte; `code_class` is `1xx`…`5xx`, or `none` when the client left first or the app gave no answer |
//! | `rouse_queue_proxy_refused_total{reason}` | counter: answers of our own, by the word in `Rouse-Reason` |
//! | `rouse_queue_proxy_in_flight` | gauge: requests in the app |
//! | `rouse_queue_proxy_queue_depth` | gauge: requests in the lines in front of it |
//! | `rouse_queue_proxy_slots` | gauge: container-concurrency; 0 is no limit |
//! | `rouse_queue_proxy_connections` | gauge: open connections |
//! | `rouse_queue_proxy_direct_connections` | gauge: of those, on which clients came past the activator |
//! | `rouse_queue_proxy_ready` | gauge: 1 when the app is ready and the pod is not draining |
//! | `rouse_link_connected` | gauge: 1 while an autoscaler listens |
//! | `rouse_link_reconnects_total` | counter: how often one was found again |
//! | `rouse_link_kept` | gauge: frames kept for an autoscaler that may yet come |
//! | `rouse_link_unacknowledged` | gauge: of those, how many nobody acknowledged |
//! | `rouse_link_resent_total` | counter: frames written more than once |
//! | `rouse_link_dropped_total` | counter: frames never acknowledged within a minute, or too many |
//!
//! Those of the Link only where there is an autoscaler to tell of the load.
//!
//! Written by hand: the exporter of the `metrics` crate keeps each sample of a histogram until it is scraped, which
//! costs 16 bytes a request and a stall; here a request costs two atomic additions and nothing grows.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

/// Upper bounds of the buckets, in seconds: Knative's, and further ones, since requests may take ten minutes.
const BOUNDS: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];

/// Reasons that the front refuses with; each a label.
const REASONS: [&str; 6] =
    ["queue-full", "pod-busy", "request-timeout", "app-unreachable", "app-broke-off", "not-ready"];

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    /// Without an answer: the client left, or the app did not answer.
    #[default]
    None,
    /// A tunnel.
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
}

impl Class {
    const NAMES: [&'static str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

    /// Whether it is an app's answer with a last byte; a tunnel is none.
    pub(crate) fn is_answer(self) -> bool {
        !matches!(self, Class::None | Class::Informational)
    }

    pub(crate) fn of(status: StatusCode) -> Class {
        match status.as_u16() {
            100..=199 => Class::Informational,
            200..=299 => Class::Success,
            300..=399 => Class::Redirection,
            400..=499 => Class::ClientError,
            _ => Class::ServerError,
        }
    }
}

/// The counts that the request path keeps. Relaxed throughout: each number stands for itself.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    durations: [Histogram; Class::NAMES.len()],
    refused: [AtomicU64; REASONS.len()],
}

#[derive(Debug, Default)]
struct Histogram {
    /// Samples in each bucket (not cumulated); the last is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

impl Metrics {
    #[inline]
    pub(crate) fn ended(&self, class: Class, took: Duration) {
        self.durations[class as usize].record(took);
    }

    pub(crate) fn refused(&self, reason: &str) {
        if let Some(at) = REASONS.iter().position(|&one| one == reason) {
            self.refused[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes all in Prometheus' text format.
    pub(crate) fn render(&self, out: &mut String) -> fmt::Result {
        let name = "rouse_queue_proxy_request_duration_seconds";
        writeln!(out, "# TYPE {name} histogram")?;
        for (class, histogram) in Class::NAMES.iter().zip(&self.durations) {
            histogram.render(out, name, class)?;
        }
        let name = "rouse_queue_proxy_refused_total";
        writeln!(out, "# TYPE {name} counter")?;
        for (reason, count) in REASONS.iter().zip(&self.refused) {
            writeln!(out, "{name}{{reason=\"{reason}\"}} {}", count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}

impl Histogram {
    #[inline]
    fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// A class that never came is left out.
    fn render(&self, out: &mut String, name: &str, class: &str) -> fmt::Result {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return Ok(());
        }
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&counts) {
            below += count;
            writeln!(out, "{name}_bucket{{code_class=\"{class}\",le=\"{bound}\"}} {below}")?;
        }
        writeln!(out, "{name}_bucket{{code_class=\"{class}\",le=\"+Inf\"}} {all}")?;
        let sum = self.sum_ns.load(Ordering::Relaxed) as f64 / 1e9;
        writeln!(out, "{name}_sum{{code_class=\"{class}\"}} {sum}")?;
        writeln!(out, "{name}_count{{code_class=\"{class}\"}} {all}")
    }
}

/// Writes one gauge without labels.
pub(crate) fn gauge(out: &mut String, name: &str, value: u64) -> fmt::Result {
    writeln!(out, "# TYPE rouse_queue_proxy_{name} gauge\nrouse_queue_proxy_{name} {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_cumulates_its_buckets() {
        let metrics = Metrics::default();
        for millis in [1, 5, 6, 700_000] {
            metrics.ended(Class::Success, Duration::from_millis(millis));
        }
        metrics.refused("queue-full");
        let mut out = String::new();
        metrics.render(&mut out).unwrap();
        let line = |le: &str, count: u64| {
            let line = format!("seconds_bucket{{code_class=\"2xx\",le=\"{le}\"}} {count}\n");
            assert!(out.contains(&line), "{line} in {out}");
        };
        line("0.005", 2);
        line("0.01", 3);
        line("600", 3);
        line("+Inf", 4);
        assert!(out.contains("seconds_sum{code_class=\"2xx\"} 700.012\n"), "{out}");
        assert!(out.contains("refused_total{reason=\"queue-full\"} 1\n"), "{out}");
        assert!(!out.contains("5xx"), "what never happened is not told");
    }
}
