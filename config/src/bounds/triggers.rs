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
