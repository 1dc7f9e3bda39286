//! How a workload wants to be scaled, after defaults: what the autoscaler decides by.

mod checks;
mod departure;

use std::time::Duration;

pub use departure::{Departure, Without};
use serde::Serialize;

use crate::AutoscalerConfig;
use crate::annotations::{Scaling, Written, value};
use crate::autoscaler_config::MIN_TARGET;
use crate::problem::Findings;

/// Which algorithm decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Rouse's own: Knative's algorithm with named departures from it.
    #[default]
    Default,
    /// Knative's algorithm, to the number.
    Knative,
}

/// What is measured of a workload's load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Requests in flight, averaged over time.
    #[default]
    Concurrency,
    /// Requests that arrive a second.
    Rps,
}

/// How the buckets of a window become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// The mean of the buckets.
    #[default]
    Linear,
    /// The mean weighted towards the newest buckets.
    WeightedExponential,
}

/// How much sudden load must fit without the activator (`target-burst-capacity`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BurstCapacity {
    /// −1: the activator is always in the path.
    Unlimited,
    /// This much, in the metric's unit; 0 puts the activator in the path only at zero pods.
    Of(f64),
}

/// Everything that the autoscaler decides by, of one workload.
///
/// Sources: the annotations on the workload or its pod template over the `config-autoscaler` keys over Knative's
/// defaults (given behind each field).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// Which algorithm decides (`rouse.dev/mode`; default: [`Mode::Default`]).
    pub mode: Mode,
    /// What is measured (`metric`; concurrency).
    pub metric: Metric,
    /// What one pod can carry, in the metric's unit: `target`, else container-concurrency, else 100 (concurrency) or
    /// 200 (rps).
    pub total: f64,
    /// What one pod is aimed to carry: `max(0.01, total × utilization)`; utilization is 0.7.
    pub target: f64,
    /// `target-burst-capacity` (211).
    pub burst_capacity: BurstCapacity,
    /// `window` (60 s).
    pub stable_window: Duration,
    /// `window × panic-window-percentage`, in whole seconds, at least 1 s (6 s).
    pub panic_window: Duration,
    /// `panic-threshold-percentage / 100` (2.0).
    pub panic_threshold: f64,
    /// `max-scale-up-rate` (1000).
    pub max_scale_up_rate: f64,
    /// `max-scale-down-rate` (2).
    pub max_scale_down_rate: f64,
    /// `min-scale` (0).
    pub min_scale: u32,
    /// `max-scale`; 0 is no limit (0).
    pub max_scale: u32,
    /// `initial-scale` (1).
    pub initial_scale: u32,
    /// `activation-scale`; 0 is off (0).
    pub activation_scale: u32,
    /// `rouse.dev/activation-floor`: activation-scale is a floor of every scale but zero (false).
    pub activation_floor: bool,
    /// `scale-down-delay` (0).
    pub scale_down_delay: Duration,
    /// `scale-to-zero-grace-period` (30 s).
    pub grace_period: Duration,
    /// `scale-to-zero-pod-retention-period` (0).
    pub retention: Duration,
    /// `enable-scale-to-zero` (true).
    pub scale_to_zero: bool,
    /// `metric-aggregation-algorithm` (linear).
    pub aggregation: Aggregation,
    /// `activator-capacity`: how much one activator carries, in the metric's unit (100).
    pub activator_capacity: f64,
    /// `serving.knative.dev/progress-deadline`: how long a pod may take to become ready (600 s).
    pub progress_deadline: Duration,
    /// `rouse.dev/without`: the departures of the default mode that it does without (none).
    pub without: Without,
    /// `rouse.dev/paused`: nothing is scaled, and the activator stays in the path (false).
    pub paused: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            mode: Mode::Default,
            metric: Metric::Concurrency,
            total: 100.0,
            target: 70.0,
            burst_capacity: BurstCapacity::Of(211.0),
            stable_window: Duration::from_secs(60),
            panic_window: Duration::from_secs(6),
            panic_threshold: 2.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            min_scale: 0,
            max_scale: 0,
            initial_scale: 1,
            activation_scale: 0,
            activation_floor: false,
            scale_down_delay: Duration::ZERO,
            grace_period: Duration::from_secs(30),
            retention: Duration::ZERO,
            scale_to_zero: true,
            aggregation: Aggregation::Linear,
            activator_capacity: 100.0,
            progress_deadline: Duration::from_secs(600),
            without: Without::NOTHING,
            paused: false,
        }
    }
}

/// Utilization of every metric but concurrency: Knative has no key for it.
const RPS_UTILIZATION: f64 = 0.7;

impl Policy {
    /// How a workload with these annotations and this container-concurrency is scaled.
    ///
    /// What Knative accepts but Rouse cannot do, or what has no meaning, goes to `found`: another class, a metric that is
    /// not of requests, an unknown aggregation, numbers that are not finite. The policy then has the default there.
    pub fn new(
        scaling: &Scaling,
        config: &AutoscalerConfig,
        container_concurrency: u32,
        found: &mut Findings,
    ) -> Policy {
        checks::refuse_other_classes(scaling, config, found);
        checks::refuse_contradictions(scaling, config, found);
        checks::warn_of_nothing_to_do_without(scaling, found);
        let metric = metric(scaling, found);
        let (total, target) = target(scaling, config, metric, container_concurrency, found);
        let stable_window = value(&scaling.window).unwrap_or(config.stable_window);
        let panic_percentage = finite(&scaling.panic_window, found).unwrap_or(config.panic_window_percentage);
        let panic_threshold = finite(&scaling.panic_threshold, found).unwrap_or(config.panic_threshold_percentage);
        Policy {
            mode: value(&scaling.mode).unwrap_or_default(),
            metric,
            total,
            target,
            burst_capacity: burst_capacity(scaling, found).unwrap_or(config.burst_capacity),
            stable_window,
            panic_window: panic_window(stable_window, panic_percentage),
            panic_threshold: panic_threshold / 100.0,
            max_scale_up_rate: config.max_scale_up_rate,
            max_scale_down_rate: config.max_scale_down_rate,
            min_scale: value(&scaling.min_scale).unwrap_or(config.min_scale),
            max_scale: value(&scaling.max_scale).unwrap_or(config.max_scale),
            initial_scale: value(&scaling.initial_scale).unwrap_or(config.initial_scale),
            activation_scale: value(&scaling.activation_scale).unwrap_or(0),
            activation_floor: value(&scaling.activation_floor).unwrap_or(false),
            scale_down_delay: value(&scaling.scale_down_delay).unwrap_or(config.scale_down_delay),
            grace_period: value(&scaling.grace_period).unwrap_or(config.grace_period),
            retention: value(&scaling.retention).unwrap_or(config.retention),
            scale_to_zero: config.scale_to_zero,
            aggregation: aggregation(scaling, found),
            activator_capacity: config.activator_capacity,
            progress_deadline: value(&scaling.progress_deadline).unwrap_or(Policy::default().progress_deadline),
            without: value(&scaling.without).unwrap_or_default(),
            paused: value(&scaling.paused).unwrap_or(false),
        }
    }

    /// Whether decisions about the workload take this step. In Knative's mode none is taken but the floor that the
    /// workload asks for itself.
    pub const fn takes(&self, departure: Departure) -> bool {
        let chosen = match departure {
            Departure::ActivationFloor => self.activation_floor,
            _ => matches!(self.mode, Mode::Default),
        };
        chosen && !self.without.contains(departure)
    }
}

fn metric(scaling: &Scaling, found: &mut Findings) -> Metric {
    let Some(written) = &scaling.metric else { return Metric::default() };
    Metric::parse(&written.value).unwrap_or_else(|| {
        written.refuse(found, Metric::refusal());
        Metric::default()
    })
}

impl Metric {
    /// What to do with a workload that is to be scaled on something else than its requests.
    pub(super) const INSTEAD: &str = "Rouse scales on requests: use metric concurrency or rps with a target, or leave the workload \
                           to a HorizontalPodAutoscaler without Rouse";

    /// What to say of a metric that is none of requests.
    pub(crate) fn refusal() -> String {
        format!("is not measured: {}", Metric::INSTEAD)
    }

    /// Reads the metric's name.
    pub(crate) fn parse(text: &str) -> Option<Metric> {
        match text {
            "concurrency" => Some(Metric::Concurrency),
            "rps" => Some(Metric::Rps),
            _ => None,
        }
    }
}

fn aggregation(scaling: &Scaling, found: &mut Findings) -> Aggregation {
    let Some(written) = &scaling.aggregation else { return Aggregation::default() };
    Aggregation::parse(&written.value).unwrap_or_else(|| {
        written.refuse(found, Aggregation::ALLOWED);
        Aggregation::default()
    })
}

impl Aggregation {
    /// What to say of a word that is none.
    pub(crate) const ALLOWED: &str = "is not an aggregation: it must be linear or weighted-exponential";

    /// Reads the aggregation's name; nothing is linear.
    pub(crate) fn parse(text: &str) -> Option<Aggregation> {
        match text {
            "" | "linear" => Some(Aggregation::Linear),
            "weighted-exponential" | "weightedExponential" => Some(Aggregation::WeightedExponential),
            _ => None,
        }
    }
}

/// What one pod can carry, and what it is aimed to carry (Knative: `pkg/reconciler/autoscaling/resources/target.go`).
fn target(
    scaling: &Scaling,
    config: &AutoscalerConfig,
    metric: Metric,
    container_concurrency: u32,
    found: &mut Findings,
) -> (f64, f64) {
    let limit = (container_concurrency > 0).then_some(f64::from(container_concurrency));
    let written = finite(&scaling.target, found);
    let (total, utilization) = match metric {
        Metric::Concurrency => {
            let limited = written.map(|target| limit.map_or(target, |limit| target.min(limit)));
            (limited.or(limit).unwrap_or(config.concurrency_target), config.concurrency_utilization)
        }
        Metric::Rps => (written.unwrap_or(config.rps_target), RPS_UTILIZATION),
    };
    let utilization = finite(&scaling.utilization, found).map_or(utilization, |percentage| percentage / 100.0);
    (total, (total * utilization).max(MIN_TARGET))
}

/// `window × percentage`, rounded to whole seconds (halves up), at least one.
fn panic_window(stable: Duration, percentage: f64) -> Duration {
    let seconds = (stable.as_secs_f64() * percentage / 100.0).round();
    Duration::from_secs((seconds as u64).max(1))
}

fn burst_capacity(scaling: &Scaling, found: &mut Findings) -> Option<BurstCapacity> {
    let written = scaling.burst_capacity.as_ref()?;
    if let BurstCapacity::Of(capacity) = written.value
        && !capacity.is_finite()
    {
        written.refuse(found, NOT_FINITE);
        return None;
    }
    Some(written.value)
}

const NOT_FINITE: &str = "is not a finite number";

/// The number; Knative's checks let `NaN` and some `Inf` pass, with which nothing can be decided.
fn finite(written: &Option<Written<f64>>, found: &mut Findings) -> Option<f64> {
    let written = written.as_ref()?;
    if written.value.is_finite() {
        return Some(written.value);
    }
    written.refuse(found, NOT_FINITE);
    None
}

#[cfg(test)]
mod tests;
