//! The keys of every annotation that Rouse reads.

use super::Annotations;

/// The space of Knative's scaling annotations. It is not ours: a word that we do not know there is only a warning.
pub const KNATIVE_SPACE: &str = "autoscaling.knative.dev/";

/// Our own space: a word that we do not know there is an error.
pub const OWN_SPACE: &str = "rouse.dev/";

/// A key, and the older spelling of it that Knative still takes. With both, the newer one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// Its older spelling.
    pub alias: Option<&'static str>,
}

const fn key(name: &'static str) -> Key {
    Key { name, alias: None }
}

const fn with_alias(name: &'static str, alias: &'static str) -> Key {
    Key { name, alias: Some(alias) }
}

/// `class`: who scales the workload.
pub const CLASS: Key = key("autoscaling.knative.dev/class");
/// `min-scale`.
pub const MIN_SCALE: Key = with_alias("autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/minScale");
/// `max-scale`.
pub const MAX_SCALE: Key = with_alias("autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/maxScale");
/// `initial-scale`.
pub const INITIAL_SCALE: Key =
    with_alias("autoscaling.knative.dev/initial-scale", "autoscaling.knative.dev/initialScale");
/// `activation-scale`.
pub const ACTIVATION_SCALE: Key = key("autoscaling.knative.dev/activation-scale");
/// `metric`.
pub const METRIC: Key = key("autoscaling.knative.dev/metric");
/// `target`.
pub const TARGET: Key = key("autoscaling.knative.dev/target");
/// `target-utilization-percentage`.
pub const UTILIZATION: Key = with_alias(
    "autoscaling.knative.dev/target-utilization-percentage",
    "autoscaling.knative.dev/targetUtilizationPercentage",
);
/// `target-burst-capacity`.
pub const BURST_CAPACITY: Key =
    with_alias("autoscaling.knative.dev/target-burst-capacity", "autoscaling.knative.dev/targetBurstCapacity");
/// `window`.
pub const WINDOW: Key = key("autoscaling.knative.dev/window");
/// `panic-window-percentage`.
pub const PANIC_WINDOW: Key =
    with_alias("autoscaling.knative.dev/panic-window-percentage", "autoscaling.knative.dev/panicWindowPercentage");
/// `panic-threshold-percentage`.
pub const PANIC_THRESHOLD: Key = with_alias(
    "autoscaling.knative.dev/panic-threshold-percentage",
    "autoscaling.knative.dev/panicThresholdPercentage",
);
/// `scale-down-delay`.
pub const SCALE_DOWN_DELAY: Key =
    with_alias("autoscaling.knative.dev/scale-down-delay", "autoscaling.knative.dev/scaleDownDelay");
/// `scale-to-zero-pod-retention-period`.
pub const RETENTION: Key = with_alias(
    "autoscaling.knative.dev/scale-to-zero-pod-retention-period",
    "autoscaling.knative.dev/scaleToZeroPodRetentionPeriod",
);
/// `metric-aggregation-algorithm`.
pub const AGGREGATION: Key = with_alias(
    "autoscaling.knative.dev/metric-aggregation-algorithm",
    "autoscaling.knative.dev/metricAggregationAlgorithm",
);

/// Every key of Knative's space.
pub const KNATIVE: [Key; 15] = [
    CLASS,
    MIN_SCALE,
    MAX_SCALE,
    INITIAL_SCALE,
    ACTIVATION_SCALE,
    METRIC,
    TARGET,
    UTILIZATION,
    BURST_CAPACITY,
    WINDOW,
    PANIC_WINDOW,
    PANIC_THRESHOLD,
    SCALE_DOWN_DELAY,
    RETENTION,
    AGGREGATION,
];

/// How long a pod may take to become ready: Knative's key, in another of its spaces.
pub const PROGRESS_DEADLINE: Key = key("serving.knative.dev/progress-deadline");

/// Requests that one pod may have in flight.
pub const CONTAINER_CONCURRENCY: Key = key("rouse.dev/container-concurrency");
/// From a request's arrival to the last byte of its response.
pub const TIMEOUT: Key = key("rouse.dev/timeout");
/// From a request's arrival to the first byte of its response.
pub const RESPONSE_START_TIMEOUT: Key = key("rouse.dev/response-start-timeout");
/// The longest pause between bytes of a response.
pub const IDLE_TIMEOUT: Key = key("rouse.dev/idle-timeout");
/// Which algorithm decides.
pub const MODE: Key = key("rouse.dev/mode");
/// The steps of the default mode that the workload does without.
pub const WITHOUT: Key = key("rouse.dev/without");
/// Whether activation-scale is a floor of every scale but zero.
pub const ACTIVATION_FLOOR: Key = key("rouse.dev/activation-floor");
/// Paths that load balancers ask for.
pub const IGNORE_PATHS: Key = key("rouse.dev/ignore-paths");
/// Protocols that requests may ask to change to.
pub const UPGRADES: Key = key("rouse.dev/upgrades");
/// Host names, besides those of the Services.
pub const HOSTS: Key = key("rouse.dev/hosts");
/// How long the last pod is kept once the activator is in the path. Knative has this cluster-wide only.
pub const GRACE_PERIOD: Key = key("rouse.dev/scale-to-zero-grace-period");
/// On a Service: the workload it belongs to.
pub const WORKLOAD: Key = key("rouse.dev/workload");
/// On a Service: the port that is served, by name or number.
pub const PORT: Key = key("rouse.dev/port");
/// Label of a workload that Rouse scales on Kubernetes.
pub const SCALE: Key = key("rouse.dev/scale");
/// Label of a pod template that gets a queue-proxy on Kubernetes.
pub const INJECT: Key = key("rouse.dev/inject");
/// Stops scaling, and leaves the activator in the path.
pub const PAUSED: Key = key("rouse.dev/paused");
/// What Rouse writes itself on Kubernetes: the replicas at adoption.
pub const ORIGINAL_REPLICAS: Key = key("rouse.dev/original-replicas");
/// What Rouse writes itself on Kubernetes: that the initial scale was reached.
pub const INITIALIZED: Key = key("rouse.dev/initialized");
/// What Rouse writes itself on Kubernetes, where pods could not be created: when that is to be tried again.
pub const NUDGED: Key = key("rouse.dev/nudged");
/// What Rouse adds to a Service's selector on Kubernetes; no pod carries it.
pub const ROUTE: Key = key("rouse.dev/route");
/// What `rouse uninstall` writes: that it was it who paused the workload.
pub const LEAVING: Key = key("rouse.dev/leaving");

impl Key {
    /// What `annotations` say of this key, and in which spelling.
    pub fn find<'a>(&self, annotations: &'a Annotations) -> Option<(&'static str, &'a str)> {
        [Some(self.name), self.alias]
            .into_iter()
            .flatten()
            .find_map(|name| annotations.get(name).map(|text| (name, text.as_str())))
    }
}

/// Whether a workload is set by this key: all of both spaces, and the progress deadline.
pub fn is_setting(name: &str) -> bool {
    name.starts_with(KNATIVE_SPACE) || name.starts_with(OWN_SPACE) || name == PROGRESS_DEADLINE.name
}

/// Whether Rouse itself writes this key on workloads.
pub fn is_written(name: &str) -> bool {
    [ORIGINAL_REPLICAS, INITIALIZED, NUDGED].iter().any(|key| key.name == name)
}

/// Every spelling of the key `name`, itself included.
pub(super) fn spellings(name: &str) -> Vec<&str> {
    let known = KNATIVE.iter().find(|key| key.name == name || key.alias == Some(name));
    known.map_or_else(|| vec![name], |key| std::iter::once(key.name).chain(key.alias).collect())
}
