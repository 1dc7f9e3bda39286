//! Triggers: how they are read, and how soon it is decided.

use std::time::Duration;

use autoscaler::triggers::Reading;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Reads of triggers' sources, by what came of them.
const READS: &str = "rouse_trigger_reads_total";
/// How long reads took.
pub(super) const READ_SECONDS: &str = "rouse_trigger_read_seconds";
/// From when triggers were due until it was decided about them, less the longest read.
pub(super) const DECIDED_SECONDS: &str = "rouse_trigger_decided_seconds";
/// Whether ScaledObjects of the cluster are served.
const SERVED: &str = "rouse_scaled_objects_served";

/// From when triggers were due until it was decided about them, reads and all.
pub(super) const DUE_SECONDS: &str = "rouse_trigger_due_seconds";

/// Upper bounds of the buckets of all three, in seconds.
pub(super) const BUCKETS: [f64; 17] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Jobs that began for ScaledJobs.
const JOBS_BEGAN: &str = "rouse_jobs_began_total";
/// Jobs that ended, by how.
const JOBS_ENDED: &str = "rouse_jobs_ended_total";

pub(super) fn describe() {
    describe_gauge!(
        SERVED,
        "1 while the cluster's ScaledObjects and ScaledJobs are served, 0 while KEDA serves them or there are none"
    );
    describe_counter!(READS, "Reads of triggers' sources, by what came of them");
    describe_histogram!(READ_SECONDS, "How long reads of triggers' sources took");
    describe_histogram!(DECIDED_SECONDS, "From when triggers were due until it was decided, less the longest read");
    describe_histogram!(DUE_SECONDS, "From when triggers were due until it was decided");
    describe_counter!(JOBS_BEGAN, "Jobs that began for ScaledJobs");
    describe_counter!(JOBS_ENDED, "Jobs of ScaledJobs that ended, by how");
}

/// So many Jobs began.
pub(crate) fn jobs_began(count: usize) {
    counter!(JOBS_BEGAN).increment(count as u64);
}

/// A Job ended: `complete`, `failed` or `deleted`.
pub(crate) fn job_ended(how: &'static str) {
    counter!(JOBS_ENDED, "result" => how).increment(1);
}

/// A trigger was read.
pub(crate) fn read(reading: &Reading, took: Duration) {
    let result = match reading {
        Reading::Value { .. } => "value",
        Reading::NoData => "no-data",
        Reading::Failed(_) => "failed",
    };
    counter!(READS, "result" => result).increment(1);
    histogram!(READ_SECONDS).record(took);
}

/// It was decided about an object's triggers, so long after they were due; the longest read took `read` of that.
pub(crate) fn decided(after: Duration, read: Duration) {
    histogram!(DUE_SECONDS).record(after);
    histogram!(DECIDED_SECONDS).record(after.saturating_sub(read));
}

/// Whether the cluster's ScaledObjects are served from now on.
pub(crate) fn served(is_served: bool) {
    gauge!(SERVED).set(f64::from(u8::from(is_served)));
}
