//! How long requests took of late.
//!
//! Written by hand: a workload of which there were none has no line, and the `metrics` crate forgets no gauge.

use std::fmt::{self, Write};

use autoscaler::latency::{LatencyNow, Quantiles};
use config::WorkloadId;
use metrics_exporter_prometheus::formatting::sanitize_label_value;

use super::head;

/// Arrival to last byte, of requests that apps answered.
const ANSWERED: &str = "rouse_request_duration_seconds";
/// Arrival to hand-over, of requests that had to wait.
const HELD: &str = "rouse_request_held_seconds";

/// Renders these workloads' quantiles in Prometheus' text format.
pub(crate) fn latencies<'a>(now: impl Iterator<Item = (LatencyNow, &'a WorkloadId)>) -> String {
    let (mut answered, mut held) = (String::new(), String::new());
    head(
        &mut answered,
        ANSWERED,
        "gauge",
        "How long requests took of late, from their arrival to the last byte of the answer",
    );
    head(&mut held, HELD, "gauge", "How long requests that had to wait for a pod waited of late");
    for (latency, workload) in now {
        let workload = sanitize_label_value(&workload.to_string());
        for (out, name, quantiles) in [(&mut answered, ANSWERED, latency.answered), (&mut held, HELD, latency.held)] {
            let lines = quantiles.map_or(Ok(()), |quantiles| lines(out, name, &workload, &quantiles));
            lines.expect("a String takes any text");
        }
    }
    answered + &held
}

fn lines(out: &mut String, name: &str, workload: &str, quantiles: &Quantiles) -> fmt::Result {
    let Quantiles { p50_seconds, p90_seconds, p99_seconds, .. } = quantiles;
    for (quantile, seconds) in [("0.5", p50_seconds), ("0.9", p90_seconds), ("0.99", p99_seconds)] {
        writeln!(out, "{name}{{workload=\"{workload}\",quantile=\"{quantile}\"}} {seconds}")?;
    }
    Ok(())
}
