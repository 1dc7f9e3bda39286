//! The metrics of `rouse`: their names, units and meaning, in one place.
//!
//! Nothing here is on the way of a request: counts are kept where things happen and read when somebody asks.

use activator::Snapshot;
use anyhow::Context;
use autoscaler::Status;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Calls to `Platform::scale`.
pub const SCALE_CALLS: &str = "rouse_scale_calls_total";
/// Pods started.
pub const PODS_STARTED: &str = "rouse_pods_started_total";
/// Times that a workload could not have a ready pod, by reason.
pub const WORKLOAD_FAILURES: &str = "rouse_workload_failures_total";
/// Platform calls that failed.
pub const PLATFORM_ERRORS: &str = "rouse_platform_errors_total";
/// From the first held request of a workload without ready pods to its hand-over.
pub const WAKE_SECONDS: &str = "rouse_wake_seconds";

const PODS_ASKED: &str = "rouse_pods_asked";
const PODS_READY: &str = "rouse_pods_ready";
const PODS_STARTING: &str = "rouse_pods_starting";
const PODS_DRAINING: &str = "rouse_pods_draining";
const REQUESTS_HELD: &str = "rouse_requests_held";
const REQUESTS_HELD_BYTES: &str = "rouse_requests_held_bytes";
const REQUESTS_OPEN: &str = "rouse_requests_open";
const REQUESTS: &str = "rouse_requests_total";
const REQUESTS_EVER_HELD: &str = "rouse_requests_held_total";
const REQUESTS_LEFT: &str = "rouse_requests_left_total";
const REQUESTS_RETRIED: &str = "rouse_requests_retried_total";
const REQUESTS_REFUSED: &str = "rouse_requests_refused_total";

/// Upper bounds of the wakes' buckets, in seconds: from a process that is there at once to a slow start in a cluster.
const WAKE_BUCKETS: [f64; 12] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Starts counting in this process.
///
/// # Errors
/// When it counts already.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(WAKE_SECONDS.to_owned()), &WAKE_BUCKETS)
        .context("the buckets are no buckets")?
        .install_recorder()
        .context("cannot start metrics")?;
    describe_counter!(SCALE_CALLS, "Times that the platform was asked for another number of pods");
    describe_counter!(PODS_STARTED, "Pods started");
    describe_counter!(WORKLOAD_FAILURES, "Times that a workload could not have a ready pod");
    describe_counter!(PLATFORM_ERRORS, "Platform calls that failed");
    describe_histogram!(WAKE_SECONDS, "From the first held request to its hand-over to a pod");
    describe_gauge!(PODS_ASKED, "Pods that the platform was asked for");
    describe_gauge!(PODS_READY, "Pods that can be given requests");
    describe_gauge!(PODS_STARTING, "Pods that are not ready yet");
    describe_gauge!(PODS_DRAINING, "Pods that finish what they have");
    describe_gauge!(REQUESTS_HELD, "Requests that wait for a pod");
    describe_gauge!(REQUESTS_HELD_BYTES, "Bytes that the bodies of held requests may occupy");
    describe_gauge!(REQUESTS_OPEN, "Requests held or forwarded");
    describe_counter!(REQUESTS, "Requests that came");
    describe_counter!(REQUESTS_EVER_HELD, "Times that a request had to wait for a pod");
    describe_counter!(REQUESTS_LEFT, "Clients that left while they waited");
    describe_counter!(REQUESTS_RETRIED, "Times that a request was taken back from a pod that cannot have seen it");
    describe_counter!(REQUESTS_REFUSED, "Requests that Rouse answered itself, by reason");
    Ok(handle)
}

/// Brings what is known of one workload up to date.
pub(crate) fn workload(line: &Status, seen: Option<&Snapshot>) {
    let workload = line.workload.to_string();
    let labels = [("workload", workload.clone())];
    gauge!(PODS_ASKED, &labels).set(f64::from(line.asked));
    gauge!(PODS_READY, &labels).set(f64::from(line.pods.ready));
    gauge!(PODS_STARTING, &labels).set(f64::from(line.pods.starting));
    gauge!(PODS_DRAINING, &labels).set(f64::from(line.pods.draining));
    let Some(seen) = seen else { return };
    gauge!(REQUESTS_HELD, &labels).set(seen.held as f64);
    gauge!(REQUESTS_HELD_BYTES, &labels).set(seen.held_bytes as f64);
    gauge!(REQUESTS_OPEN, &labels).set(f64::from(seen.open));
    let counts = &seen.counts;
    counter!(REQUESTS, &labels).absolute(counts.arrived);
    counter!(REQUESTS_EVER_HELD, &labels).absolute(counts.held);
    counter!(REQUESTS_LEFT, &labels).absolute(counts.left);
    counter!(REQUESTS_RETRIED, &labels).absolute(counts.retried);
    for (reason, count) in [
        ("queue-full", counts.queue_full),
        ("hold-timeout", counts.hold_timeout),
        ("broken", counts.broken),
        ("removed", counts.removed),
    ] {
        counter!(REQUESTS_REFUSED, "workload" => workload.clone(), "reason" => reason).absolute(count);
    }
}
