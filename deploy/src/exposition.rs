//! The metrics of `rouse`. `METRICS.md` is the list for those who read them, of all binaries; a test keeps both alike.
//!
//! Nothing here is on the way of a request: counts are kept where things happen and read when somebody asks.

pub(crate) mod keda;
mod latency;
mod requests;
pub(crate) mod triggers;

use activator::Snapshot;
use anyhow::Context;
use autoscaler::Status;
use config::{Time, WorkloadId};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::wakes::{Phase, Woken};

pub(crate) use latency::latencies;
pub(crate) use requests::open_requests;

/// Calls to `Platform::scale`.
pub const SCALE_CALLS: &str = "rouse_scale_calls_total";
/// Pods started.
pub const PODS_STARTED: &str = "rouse_pods_started_total";
/// Times that a workload could not have a ready pod, by reason.
pub const WORKLOAD_FAILURES: &str = "rouse_workload_failures_total";
/// Platform calls that failed.
pub const PLATFORM_ERRORS: &str = "rouse_platform_errors_total";
/// Edits of the manifests, by result.
const EDITS: &str = "rouse_edits_total";
/// Decisions for another number of pods, by the rule that decided.
pub const DECISIONS: &str = "rouse_decisions_total";
/// From the first held request of a workload without ready pods to its hand-over.
const WAKE_SECONDS: &str = "rouse_wake_seconds";
/// What of a wake each of its phases took.
const WAKE_PHASE_SECONDS: &str = "rouse_wake_phase_seconds";
/// Reports that came again, or are not to be believed: of the future, of another, or of a pod that the platform does not
/// name.
pub const REPORTS_DROPPED: &str = "rouse_reports_dropped_total";
/// Reporters whose Links died and did not come back in time.
pub const LINKS_LOST: &str = "rouse_links_lost_total";
/// Reporters that are linked.
pub const LINKS: &str = "rouse_links";
/// Reporters that were not served, by reason.
pub const LINKS_REFUSED: &str = "rouse_links_refused_total";
/// Spans that no collector took.
pub const SPANS_DROPPED: &str = "rouse_spans_dropped_total";

/// Pods that the injector was asked about, by what became of them.
const INJECTIONS: &str = "rouse_injections_total";
/// Keys put back into selectors of Services.
const SELECTORS_KEPT: &str = "rouse_selectors_kept_total";
/// Bodies that were no admission reviews.
const NO_REVIEWS: &str = "rouse_no_reviews_total";
/// Connections that were given up because our certificate is not trusted.
const NOT_TRUSTED: &str = "rouse_webhook_not_trusted_total";
/// When the certificate that was made last is good no more.
const CERTIFICATE_ENDS: &str = "rouse_certificate_ends_seconds";
/// Requests to the apiserver.
const KUBE_REQUESTS: &str = "rouse_kube_requests_total";
/// Writes to the apiserver.
const KUBE_WRITES: &str = "rouse_kube_writes_total";
/// Errors of watches of the apiserver.
const KUBE_WATCH_ERRORS: &str = "rouse_kube_watch_errors_total";
/// Things that are wrong or odd with objects of the cluster.
const KUBE_PROBLEMS: &str = "rouse_kube_problems_total";
/// Things told of objects that never became events.
const KUBE_TOLD_DROPPED: &str = "rouse_kube_events_dropped_total";

const PODS_ASKED: &str = "rouse_pods_asked";
const PODS_READY: &str = "rouse_pods_ready";
const PODS_STARTING: &str = "rouse_pods_starting";
const PODS_DRAINING: &str = "rouse_pods_draining";
const REQUESTS_HELD: &str = "rouse_requests_held";
const REQUESTS_HELD_BYTES: &str = "rouse_requests_held_bytes";
const REQUESTS_OPEN: &str = "rouse_requests_open";
const REQUESTS_IN_FLIGHT: &str = "rouse_requests_in_flight";
const REQUESTS_WAITING: &str = "rouse_requests_waiting";
const REQUESTS: &str = "rouse_requests_total";
const REQUESTS_EVER_HELD: &str = "rouse_requests_held_total";
const REQUESTS_LEFT: &str = "rouse_requests_left_total";
const REQUESTS_RETRIED: &str = "rouse_requests_retried_total";
const REQUESTS_GIVEN_BACK: &str = "rouse_requests_given_back_total";
const REQUESTS_REFUSED: &str = "rouse_requests_refused_total";

/// What there is of a workload now; all are zero when all is quiet and it sleeps.
const PER_WORKLOAD: [&str; 9] = [
    PODS_ASKED,
    PODS_READY,
    PODS_STARTING,
    PODS_DRAINING,
    REQUESTS_HELD,
    REQUESTS_HELD_BYTES,
    REQUESTS_OPEN,
    REQUESTS_IN_FLIGHT,
    REQUESTS_WAITING,
];

/// Upper bounds of the wakes' buckets, in seconds: from a process that is there at once to a slow start in a cluster.
const WAKE_BUCKETS: [f64; 12] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Upper bounds of the buckets of wakes' phases, in seconds: most take next to nothing.
const PHASE_BUCKETS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0];

/// Starts counting in this process.
///
/// # Errors
/// When it counts already.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let handle = builder()?.install_recorder().context("cannot start metrics")?;
    describe();
    Ok(handle)
}

fn builder() -> anyhow::Result<PrometheusBuilder> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(WAKE_SECONDS.to_owned()), &WAKE_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(WAKE_PHASE_SECONDS.to_owned()), &PHASE_BUCKETS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(triggers::READ_SECONDS.to_owned()), &triggers::BUCKETS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(triggers::DECIDED_SECONDS.to_owned()), &triggers::BUCKETS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(triggers::DUE_SECONDS.to_owned()), &triggers::BUCKETS)
        })
        .context("the buckets are no buckets")
}

fn describe() {
    triggers::describe();
    describe_counter!(SCALE_CALLS, "Times that the platform was asked for another number of pods");
    describe_counter!(PODS_STARTED, "Pods started");
    describe_counter!(WORKLOAD_FAILURES, "Times that a workload could not have a ready pod");
    describe_counter!(PLATFORM_ERRORS, "Platform calls that failed");
    describe_counter!(KUBE_WRITES, "Writes to the apiserver");
    describe_counter!(KUBE_WATCH_ERRORS, "Errors of watches of the apiserver");
    describe_counter!(KUBE_PROBLEMS, "Times that something was found wrong or odd with an object of the cluster");
    describe_counter!(KUBE_TOLD_DROPPED, "Things told of objects that never became events");
    describe_counter!(INJECTIONS, "Pods that were about to be created and got a queue-proxy, or why not");
    describe_counter!(SELECTORS_KEPT, "Times that Rouse's key was put back into the selector of a Service");
    describe_counter!(NO_REVIEWS, "Requests to the webhook that were no admission reviews");
    describe_counter!(
        NOT_TRUSTED,
        "Connections given up by an apiserver that does not trust the webhook's certificate"
    );
    describe_gauge!(CERTIFICATE_ENDS, "When the certificate of our port is good no more, in seconds since 1970");
    describe_counter!(EDITS, "Edits of the manifests, applied as a whole or refused as a whole");
    describe_counter!(DECISIONS, "Decisions for another number of pods, by the rule that decided");
    describe_histogram!(WAKE_SECONDS, "From the first held request to its hand-over to a pod");
    describe_counter!(REPORTS_DROPPED, "Reports that came again, or are not to be believed");
    describe_counter!(LINKS_LOST, "Reporters whose Links died and did not come back in time");
    describe_counter!(LINKS_REFUSED, "Times that a reporter was not served");
    describe_counter!(SPANS_DROPPED, "Spans that no collector took");
    describe_gauge!(LINKS, "Reporters that are linked");
    describe_histogram!(WAKE_PHASE_SECONDS, "What of a wake each of its phases took, named for what ends it");
    describe_gauge!(PODS_ASKED, "Pods that the platform was asked for");
    describe_gauge!(PODS_READY, "Pods that can be given requests");
    describe_gauge!(PODS_STARTING, "Pods that are not ready yet");
    describe_gauge!(PODS_DRAINING, "Pods that finish what they have");
    describe_gauge!(REQUESTS_HELD, "Requests that wait for a pod");
    describe_gauge!(REQUESTS_HELD_BYTES, "Bytes that the bodies of held requests may occupy");
    describe_gauge!(REQUESTS_OPEN, "Requests held or forwarded");
    describe_gauge!(REQUESTS_IN_FLIGHT, "Requests in apps");
    describe_gauge!(REQUESTS_WAITING, "Requests in the lines in front of pods");
    describe_counter!(REQUESTS, "Requests that came");
    describe_counter!(REQUESTS_EVER_HELD, "Times that a request had to wait for a pod");
    describe_counter!(REQUESTS_LEFT, "Clients that left while they waited");
    describe_counter!(REQUESTS_RETRIED, "Times that a request was taken back from a pod that cannot have seen it");
    describe_counter!(REQUESTS_GIVEN_BACK, "Times that a pod gave a request back because it had no slot");
    describe_counter!(REQUESTS_REFUSED, "Requests that Rouse answered itself, by reason");
}

/// Begins a metric that is written by hand.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    write_help_line(out, name, None, None, help);
    write_type_line(out, name, None, None, kind);
}

/// A request to the apiserver begins: a `watch`, a `read` or a `write` of `resource` (`pods`).
pub fn kube_request(verb: &'static str, resource: &str) {
    counter!(KUBE_REQUESTS, "verb" => verb, "resource" => resource.to_owned()).increment(1);
}

/// A write to the apiserver, counted as `what`, ended.
pub fn kube_write(what: &'static str, is_ok: bool) {
    let result = if is_ok { "ok" } else { "failed" };
    counter!(KUBE_WRITES, "what" => what, "result" => result).increment(1);
}

/// A watch of `what` (`pods`) had an error.
pub fn kube_watch_failed(what: &str) {
    counter!(KUBE_WATCH_ERRORS, "what" => what.to_owned()).increment(1);
}

/// Something is wrong or odd with an object of the cluster, for `reason`.
pub fn kube_problem(reason: &'static str) {
    counter!(KUBE_PROBLEMS, "reason" => reason).increment(1);
}

/// Something told of an object did not become an event: there was too much.
pub fn kube_told_dropped() {
    counter!(KUBE_TOLD_DROPPED).increment(1);
}

/// A pod was `injected`, left `unchanged`, or `refused`.
pub(crate) fn injection(result: &'static str) {
    counter!(INJECTIONS, "result" => result).increment(1);
}

/// A key was put back into the selector of a Service.
pub(crate) fn selector_kept() {
    counter!(SELECTORS_KEPT).increment(1);
}

/// Somebody sent the webhook something else than an admission review.
pub(crate) fn no_review() {
    counter!(NO_REVIEWS).increment(1);
}

/// The apiserver gave up a connection because of our certificate.
pub(crate) fn not_trusted() {
    counter!(NOT_TRUSTED).increment(1);
}

/// A certificate was made that is good until `ends`, as the wall clock counts.
pub(crate) fn certificate_made(ends: Time) {
    gauge!(CERTIFICATE_ENDS).set(ends.as_secs_f64());
}

/// Manifests were edited.
pub(crate) fn edited(applied: bool) {
    counter!(EDITS, "result" => if applied { "applied" } else { "refused" }).increment(1);
}

/// A wake is over but for its first answer.
pub(crate) fn woke(woken: &Woken) {
    histogram!(WAKE_SECONDS).record(woken.took());
    for (phase, from, to) in woken.phases().filter(|(phase, ..)| *phase != Phase::FirstByte) {
        histogram!(WAKE_PHASE_SECONDS, "phase" => phase.word()).record(to.since(from));
    }
}

/// The first answer of a wake began.
pub(crate) fn answered(woken: &Woken) {
    if let Some((phase, from, to)) = woken.phases().last() {
        histogram!(WAKE_PHASE_SECONDS, "phase" => phase.word()).record(to.since(from));
    }
}

/// The workload is no more: what there is of it now is nothing.
pub(crate) fn workload_gone(id: &WorkloadId) {
    let labels = [("workload", id.to_string())];
    for name in PER_WORKLOAD {
        gauge!(name, &labels).set(0.0);
    }
}

/// Brings what is known of one workload up to date.
pub(crate) fn workload(line: &Status, seen: Option<&Snapshot>) {
    let workload = line.workload.to_string();
    let labels = [("workload", workload.clone())];
    gauge!(PODS_ASKED, &labels).set(f64::from(line.asked));
    gauge!(PODS_READY, &labels).set(f64::from(line.pods.ready));
    gauge!(PODS_STARTING, &labels).set(f64::from(line.pods.starting));
    gauge!(PODS_DRAINING, &labels).set(f64::from(line.pods.draining));
    if let Some(seen) = seen {
        requests(workload, seen);
    }
}

/// Brings up to date how many reporters are linked.
pub(crate) fn links(linked: usize) {
    gauge!(LINKS).set(linked as f64);
}

/// Brings what an activator knows of one workload's requests up to date.
pub(crate) fn requests(workload: String, seen: &Snapshot) {
    let labels = [("workload", workload.clone())];
    gauge!(REQUESTS_HELD, &labels).set(seen.held as f64);
    gauge!(REQUESTS_HELD_BYTES, &labels).set(seen.held_bytes as f64);
    gauge!(REQUESTS_OPEN, &labels).set(f64::from(seen.open));
    gauge!(REQUESTS_IN_FLIGHT, &labels).set(seen.pods.iter().map(|pod| f64::from(pod.in_flight)).sum::<f64>());
    gauge!(REQUESTS_WAITING, &labels).set(seen.pods.iter().map(|pod| f64::from(pod.waiting)).sum::<f64>());
    let counts = &seen.counts;
    counter!(REQUESTS, &labels).absolute(counts.arrived);
    counter!(REQUESTS_EVER_HELD, &labels).absolute(counts.held);
    counter!(REQUESTS_LEFT, &labels).absolute(counts.left);
    counter!(REQUESTS_RETRIED, &labels).absolute(counts.retried);
    counter!(REQUESTS_GIVEN_BACK, &labels).absolute(counts.refused);
    for (reason, count) in [
        ("queue-full", counts.queue_full),
        ("hold-timeout", counts.hold_timeout),
        ("broken", counts.broken),
        ("removed", counts.removed),
    ] {
        counter!(REQUESTS_REFUSED, "workload" => workload.clone(), "reason" => reason).absolute(count);
    }
}

#[cfg(test)]
mod tests;
