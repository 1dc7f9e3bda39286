//! What holds where a ScaledObject, a ScaledJob or one of its triggers does not say. The numbers are KEDA's, so that its
//! manifests mean the same here, unless a line says otherwise.

use std::time::Duration;

/// `pollingInterval`: how often the sources are read.
pub const POLLING_INTERVAL: Duration = Duration::from_secs(30);

/// `cooldownPeriod`: how long after the last activity the last pods go.
pub const COOLDOWN: Duration = Duration::from_secs(300);

/// `initialCooldownPeriod`: how long a new ScaledObject that was never active keeps its pods.
pub const INITIAL_COOLDOWN: Duration = Duration::ZERO;

/// `minReplicaCount`.
pub const MIN_REPLICAS: u32 = 0;

/// `maxReplicaCount`.
pub const MAX_REPLICAS: u32 = 100;

/// `successfulJobsHistoryLimit` and `failedJobsHistoryLimit`: Jobs that ended and are kept to be looked at.
pub const JOBS_KEPT: u32 = 100;

/// A Job's `backoffLimit`: how often Kubernetes starts its pod again after a failure.
pub const BACKOFF_LIMIT: u32 = 6;

/// `behavior.scaleDown.stabilizationWindowSeconds`: Kubernetes' HorizontalPodAutoscaler.
pub const DOWN_STABILIZATION: Duration = Duration::from_secs(300);

/// How often the number of pods may change between one and many: Kubernetes' HorizontalPodAutoscaler.
pub const STEP_PERIOD: Duration = Duration::from_secs(15);

/// `behavior.*.tolerance`: a load that is off its target by no more than this part changes nothing. Kubernetes'
/// HorizontalPodAutoscaler.
pub const TOLERANCE: f64 = 0.1;

/// How long a source may take to answer where its trigger has no `timeout`.
pub const SOURCE_TIMEOUT: Duration = Duration::from_secs(3);
