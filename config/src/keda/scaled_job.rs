//! A ScaledJob: Jobs that are started for what triggers count.

use std::time::Duration;

use serde_json::Value;

use super::fields::{COUNT, choice, warn_of_unknown};
use super::scaled_object::polling_interval;
use super::{ScalingStrategy, Switches, Trigger};
use crate::defaults::triggers as defaults;
use crate::node::Node;
use crate::problem::{Findings, Problems, Warning};

/// A `ScaledJob` of `keda.sh/v1alpha1`, after defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledJob {
    /// Its namespace, which is also that of its Jobs.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `jobTargetRef`: what each Job is.
    pub job: JobTemplate,
    /// `pollingInterval` (30 s); at least 1 s.
    pub polling_interval: Duration,
    /// `minReplicaCount` (0): how many Jobs run at least, whatever the triggers say. Not more than
    /// [`ScaledJob::max`].
    pub min: u32,
    /// `maxReplicaCount` (100): how many run at most.
    pub max: u32,
    /// How many Jobs the triggers may ask for besides [`ScaledJob::min`]: `max − min`; but 100 if `maxReplicaCount` is
    /// not written, which is how KEDA computes it.
    pub on_demand: u32,
    /// `successfulJobsHistoryLimit` (100).
    pub successful_kept: u32,
    /// `failedJobsHistoryLimit` (100).
    pub failed_kept: u32,
    /// `envSourceContainerName`: whose variables `…FromEnv` names; else those of the first container.
    pub env_container: Option<String>,
    /// `rollout`.
    pub rollout: Rollout,
    /// `scalingStrategy`.
    pub scaling: ScalingStrategy,
    /// `triggers`; never empty.
    pub triggers: Vec<Trigger>,
    /// `autoscaling.keda.sh/paused`: nothing is read, and no Jobs are started.
    pub paused: bool,
}

/// What each Job is: a JobSpec of `batch/v1`.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTemplate {
    /// All of it, for an apiserver. A pod's `restartPolicy` that is not written is to be OnFailure.
    pub spec: Value,
    /// `parallelism` (1): how many pods of one Job run at the same time.
    pub parallelism: u32,
    /// `completions`: how many pods of one Job have to succeed; without it, one is enough and ends it.
    pub completions: Option<u32>,
    /// `activeDeadlineSeconds`: how long one Job may take.
    pub deadline: Option<Duration>,
    /// `backoffLimit` (6): how many failures of pods one Job survives.
    pub backoff_limit: u32,
}

/// What becomes of Jobs that run when the ScaledJob is edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// `strategy: gradual`: they go on to their end. Else (`default`, `immediate`) they are deleted.
    pub gradual: bool,
    /// `propagationPolicy: foreground`: a Job is gone only when its pods are. Else (`background`) they follow.
    pub foreground: bool,
}

const FIELDS: [&str; 11] = [
    "jobTargetRef",
    "pollingInterval",
    "minReplicaCount",
    "maxReplicaCount",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
    "envSourceContainerName",
    "rolloutStrategy",
    "rollout",
    "scalingStrategy",
    "triggers",
];

impl ScaledJob {
    /// Reads a ScaledJob as an apiserver serves it.
    ///
    /// # Errors
    /// Every problem of the object, with its name but no file.
    pub fn on_cluster(object: &Value) -> Result<(ScaledJob, Vec<Warning>), Problems> {
        let root = Node::root(object);
        let (namespace, name, mut found) = super::identity(&root, "ScaledJob");
        let read = ScaledJob::read(&root, namespace, name, &mut found);
        found.finish(read)
    }

    /// Reads the object at `root`. What is wrong goes to `found`, and the default takes its place.
    pub(crate) fn read(root: &Node<'_>, namespace: String, name: String, found: &mut Findings) -> ScaledJob {
        let spec = root.at("spec");
        if !spec.exists() {
            found.refuse(spec.path(), "is missing");
        }
        warn_of_unknown(&spec, &FIELDS, found);
        let triggers = Trigger::read_all(&spec, found);
        refuse_what_jobs_have_not(&triggers, found);
        let (min, max, on_demand) = bounds(&spec, found);
        let kept = |field: &str, found: &mut Findings| spec.at(field).within(COUNT, found);
        ScaledJob {
            job: JobTemplate::read(&spec.at("jobTargetRef"), found),
            polling_interval: polling_interval(&spec, &triggers, found),
            min,
            max,
            on_demand,
            successful_kept: kept("successfulJobsHistoryLimit", found).unwrap_or(defaults::JOBS_KEPT),
            failed_kept: kept("failedJobsHistoryLimit", found).unwrap_or(defaults::JOBS_KEPT),
            env_container: spec.at("envSourceContainerName").text(found).map(str::to_owned),
            rollout: Rollout::read(&spec, found),
            scaling: ScalingStrategy::read(&spec.at("scalingStrategy"), found),
            paused: Switches::read(root, found).paused,
            triggers,
            namespace,
            name,
        }
    }
}

/// The least number of Jobs, the most, and how many of these the triggers decide on.
fn bounds(spec: &Node<'_>, found: &mut Findings) -> (u32, u32, u32) {
    let (min_at, max_at) = (spec.at("minReplicaCount"), spec.at("maxReplicaCount"));
    let min = min_at.within(COUNT, found).unwrap_or(defaults::MIN_REPLICAS);
    let written = max_at.within(COUNT, found);
    let max = written.unwrap_or(defaults::MAX_REPLICAS);
    if min > max {
        found.warn(min_at.path(), format!("{min} is more than maxReplicaCount ({max}), which counts"));
    }
    let min = min.min(max);
    (min, max, written.map_or(defaults::MAX_REPLICAS, |max| max - min))
}

/// A Job takes what there is when it starts: it has no target for all pods together, and nobody to push to.
fn refuse_what_jobs_have_not(triggers: &[Trigger], found: &mut Findings) {
    for (n, trigger) in triggers.iter().enumerate() {
        let key = |field: &str| format!("spec.triggers[{n}].{field}");
        if matches!(trigger.kind.as_str(), "external-push" | "cpu" | "memory") {
            found.wrong(&key("type"), &trigger.kind, "is not allowed of a ScaledJob");
        } else if trigger.metric_type != super::MetricType::AverageValue {
            found.refuse(&key("metricType"), "is not allowed of a ScaledJob");
        }
        if trigger.use_cached_metrics {
            found.warn(&key("useCachedMetrics"), "has no effect of a ScaledJob");
        }
    }
}

impl JobTemplate {
    fn read(node: &Node<'_>, found: &mut Findings) -> JobTemplate {
        if !node.exists() {
            found.refuse(node.path(), "is missing");
        } else if node.at("template").fields(found).is_empty() {
            found.refuse(node.at("template").path(), "is missing");
        }
        let mut count = |field: &str| node.at(field).within(COUNT, found);
        JobTemplate {
            parallelism: count("parallelism").unwrap_or(1),
            completions: count("completions"),
            deadline: count("activeDeadlineSeconds").map(|seconds| Duration::from_secs(u64::from(seconds))),
            backoff_limit: count("backoffLimit").unwrap_or(defaults::BACKOFF_LIMIT),
            spec: node.value().cloned().unwrap_or_default(),
        }
    }
}

impl Rollout {
    /// Reads `rollout`, and the older `rolloutStrategy`, which KEDA looks at first.
    fn read(spec: &Node<'_>, found: &mut Findings) -> Rollout {
        let (rollout, older) = (spec.at("rollout"), spec.at("rolloutStrategy"));
        warn_of_unknown(&rollout, &["strategy", "propagationPolicy"], found);
        let at = if older.exists() { older } else { rollout.at("strategy") };
        if at.path().ends_with("rolloutStrategy") {
            found.warn(at.path(), "is deprecated: write rollout.strategy");
        }
        let strategy = at.text(found).unwrap_or("default");
        if !["gradual", "default", "immediate", ""].contains(&strategy) {
            let hint = super::fields::hint(strategy, ["default", "gradual", "immediate"]);
            found.warn(at.path(), format!("{strategy:?} is no strategy and is read as default, as KEDA does{hint}"));
        }
        let words = [("background", false), ("foreground", true)];
        Rollout {
            gradual: strategy == "gradual",
            foreground: choice(&rollout.at("propagationPolicy"), &words, found).unwrap_or(false),
        }
    }
}
