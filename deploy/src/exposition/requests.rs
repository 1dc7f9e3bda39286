//! What is open of each workload, wherever it is: what a KEDA installation may scale on.
//!
//! Written by hand: a workload has its lines for as long as there is one, also while it sleeps, and the `metrics` crate forgets no gauge.

use std::fmt::Write;

use autoscaler::RequestsNow;
use config::WorkloadId;
use metrics_exporter_prometheus::formatting::sanitize_label_value;

use super::head;

/// Requests that wait for a pod.
const QUEUE: &str = "rouse_workload_queue";
/// Requests that wait or are in apps.
const CONCURRENCY: &str = "rouse_workload_concurrency";

/// Renders what is open of these workloads in Prometheus' text format.
pub(crate) fn open_requests<'a>(now: impl Iterator<Item = (RequestsNow, &'a WorkloadId)>) -> String {
    let (mut queue, mut concurrency) = (String::new(), String::new());
    head(&mut queue, QUEUE, "gauge", "Requests that wait for a pod, at activators and in the lines in front of pods");
    head(&mut concurrency, CONCURRENCY, "gauge", "Requests that wait for a pod or are in apps, each counted once");
    for (open, workload) in now {
        let workload = sanitize_label_value(&workload.to_string());
        for (out, name, count) in [(&mut queue, QUEUE, open.queue), (&mut concurrency, CONCURRENCY, open.concurrency)] {
            writeln!(out, "{name}{{workload=\"{workload}\"}} {count}").expect("a String takes any text");
        }
    }
    queue + &concurrency
}
