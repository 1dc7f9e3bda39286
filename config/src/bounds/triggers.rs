//! The bounds of what scales on something else than requests.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Triggers of one ScaledObject or ScaledJob. Each is a read every polling interval; people write one to five.
pub const TRIGGERS: usize = 64;

/// Policies of one direction of `behavior`: all are looked at in each decision, and events are kept for the longest.
pub const SCALING_POLICIES: usize = 32;

/// `stabilizationWindowSeconds`: what Kubernetes takes.
pub const STABILIZATION: RangeInclusive<u32> = 0..=3600;

/// `periodSeconds` of a policy: what Kubernetes takes.
pub const POLICY_PERIOD: RangeInclusive<u32> = 1..=1800;

/// Bytes of a `scalingModifiers.formula`: it is parsed and then computed in every decision.
pub const FORMULA_BYTES: usize = 4 << 10;

/// Parameters of one TriggerAuthentication, of all its sources together.
pub const AUTH_PARAMETERS: usize = 64;

/// A trigger's `timeout`: longer than any interval that makes sense between two reads, and short enough that a source
/// that hangs is noticed within the hour.
pub const SOURCE_TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// Partitions that a `partitionLimitation` may name: more than any topic has, and a range is written in a few letters.
pub const PARTITIONS_NAMED: usize = 100_000;

/// How old an answer to the same question may be when objects that share it are read at the same time: longer than a busy
/// machine takes from one of them to the next, and much shorter than any polling interval.
pub const TRIGGER_SHARED_AGE: Duration = Duration::from_millis(500);

/// How long an object rests between two reads because of what a server says unasked, and until it looks again for a
/// workload that the platform does not know yet: so often that nobody waits, and so rarely that a server that says much is
/// not read at each word.
pub const TRIGGER_PAUSE: Duration = Duration::from_millis(200);

/// Jobs of one ScaledJob that have not ended, on one machine: whatever `maxReplicaCount` says, more would only wait for
/// [`LOCAL_JOB_PODS`].
pub const LOCAL_JOBS: usize = 10_000;

/// Pods of all Jobs that run at once on one machine; others wait for one to end. Each is two processes and three pipes:
/// what machines allow by default.
pub const LOCAL_JOB_PODS: usize = 1_000;

/// Jobs of one ScaledJob that ended well, and as many that failed, that are remembered at most, whatever its history
/// limits say: ten times what they are by default.
pub const LOCAL_JOBS_KEPT: u32 = 1_000;

/// First pause of a Job after a pod of it failed, before the next is started; doubles with each failure in a row up to
/// [`JOB_BACKOFF_SLOWEST`]: Kubernetes'.
pub const JOB_BACKOFF_FIRST: Duration = Duration::from_secs(10);

/// Longest pause of a Job after a pod of it failed: Kubernetes'.
pub const JOB_BACKOFF_SLOWEST: Duration = Duration::from_secs(600);

/// Looks in one polling interval at the triggers of an object that is at zero, where not all of its sources tell by
/// themselves that there is work: a wake then takes a fifth of the interval that was asked for at most.
pub const ZERO_LOOKS: u32 = 5;

/// The least time between two such looks: who wakes within a second need not ask more often.
pub const ZERO_LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Reads a second of one server because objects are at zero, all of them together, beside those at their polling intervals:
/// as many as reads that a small server answers without noticing. Objects that share a query share a read.
pub const ZERO_READS: u32 = 10;

/// How often it is looked whether KEDA itself serves its objects, and how late its Lease may be renewed to count as held: two
/// that scale the same are not to do so for longer, and it is two reads.
pub const KEDA_LOOK: Duration = Duration::from_secs(60);

/// How long after the status of a ScaledObject or ScaledJob was written it is not written again: one whose triggers flap costs two writes a
/// minute, and people look no more often.
pub const KEDA_STATUS: Duration = Duration::from_secs(30);

/// Statuses of ScaledObjects, and of ScaledJobs, that are written at once, or wait for their turn to be: the others are looked at when one is through,
/// and tell what is so then.
pub const KEDA_STATUS_WRITES: usize = 16;

/// Jobs of one ScaledJob that are created at the same time, after fewer have been: enough that an apiserver's answers are not waited
/// for one by one, and few to be refused where a quota is used up.
pub const JOBS_CREATED_AT_ONCE: usize = 16;

/// Jobs of one ScaledJob that are deleted at the same time; the others wait, and new ones are created meanwhile.
pub const JOBS_DELETED_AT_ONCE: usize = 8;

/// How long a Secret or ConfigMap that was read for one object is taken for another: all that are looked at together share
/// one read, and an edit of the two after each other finds the new one.
pub const TRIGGER_DATA_AGE: Duration = Duration::from_secs(1);

/// Secrets and ConfigMaps that are kept for that long: beyond it each object reads its own.
pub const TRIGGER_DATA_KEPT: usize = 256;

/// How often the Secrets, ConfigMaps and variables of triggers that fail are read again: credentials are changed by people, and
/// nobody tells of it.
pub const TRIGGER_DATA_AGAIN: Duration = Duration::from_secs(60);
