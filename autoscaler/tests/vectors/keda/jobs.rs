//! ScaledJob.

use autoscaler::triggers::jobs::{self, Counts, Demand, Limits, Queue, Room, Together};
use config::keda::{Calculation, ScaledJob, Strategy};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Outcome;
use crate::same;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StrategyIn {
    strategy: String,
    max_scale: u32,
    running: u32,
    pending: u32,
    max_replica_count: u32,
    scale_to: u32,
    deduction: Option<i32>,
    percentage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scale {
    effective_max_scale: i64,
    scale_to: u32,
}

/// A ScaledJob with these fields, as `config` reads it.
fn scaled_job(fields: &Value) -> ScaledJob {
    let mut spec = json!({
        "jobTargetRef": { "template": { "spec": {} } },
        "triggers": [{ "type": "redis", "metadata": {} }],
    });
    for (name, value) in fields.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        spec[name] = value.clone();
    }
    let object = json!({ "metadata": { "name": "x" }, "spec": spec });
    ScaledJob::on_cluster(&object).expect("a ScaledJob").0
}

pub(super) fn strategy(vector: &StrategyIn, out: &Scale) -> Outcome {
    let mut written = json!({ "strategy": vector.strategy });
    if let Some(deduction) = vector.deduction {
        written["customScalingQueueLengthDeduction"] = deduction.into();
    }
    if let Some(percentage) = &vector.percentage {
        written["customScalingRunningJobPercentage"] = percentage.as_str().into();
    }
    let strategy = scaled_job(&json!({ "scalingStrategy": written })).scaling.strategy;
    let limits = Limits { min: 0, above: vector.max_replica_count };
    let demand = Demand { messages: vector.scale_to, jobs: vector.max_scale };
    let counts = Counts { running: vector.running, pending: vector.pending };
    let room = jobs::room(strategy, limits, demand, counts);
    let percent = vector.percentage.as_deref().and_then(|text| text.parse::<f64>().ok()).filter(|part| *part > 1.0);
    if let (Some(percent), Strategy::Custom { .. }) = (percent, strategy) {
        let busy = (f64::from(vector.running) * percent / 100.0) as i64;
        let left = (i64::from(vector.max_scale) - busy).min(i64::from(vector.max_replica_count));
        assert_eq!(room, Room { jobs: left, work: out.scale_to });
        return Outcome::Differs("running-share");
    }
    assert_eq!(room, Room { jobs: out.effective_max_scale, work: out.scale_to });
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecisionIn {
    min_replica_count: Option<u32>,
    max_replica_count: Option<u32>,
    running: u32,
    scale_to: u32,
    max_scale: u32,
    pending: u32,
    strategy: String,
}

pub(super) fn decision(vector: &DecisionIn, out: &Scale) -> Outcome {
    let object = scaled_job(&json!({
        "minReplicaCount": vector.min_replica_count,
        "maxReplicaCount": vector.max_replica_count,
        "scalingStrategy": { "strategy": vector.strategy },
    }));
    let (limits, strategy) = (Limits::of(&object), object.scaling.strategy);
    let demand = Demand { messages: vector.scale_to, jobs: vector.max_scale };
    let counts = Counts { running: vector.running, pending: vector.pending };
    let room = jobs::room(strategy, limits, demand, counts);
    assert_eq!(room, Room { jobs: out.effective_max_scale, work: out.scale_to });
    let created = jobs::to_create(strategy, limits, Together { active: true, demand }, counts);
    assert_eq!(i64::from(created), out.effective_max_scale.clamp(0, i64::from(out.scale_to)));
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AggregateIn {
    scalers: Vec<Scaler>,
    calculation: String,
    min_replica_count: u32,
    max_replica_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scaler {
    queue_length: f64,
    max_value: f64,
    active: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AggregateOut {
    active: bool,
    scale_to: u32,
    max_scale: u32,
}

pub(super) fn aggregate(vector: &AggregateIn, out: &AggregateOut) -> Outcome {
    let by = match vector.calculation.as_str() {
        "min" => Calculation::Min,
        "avg" => Calculation::Avg,
        "sum" => Calculation::Sum,
        _ => Calculation::Max,
    };
    let queue = |scaler: &Scaler| Queue { length: scaler.queue_length, jobs: scaler.max_value, active: scaler.active };
    let queues: Vec<Queue> = vector.scalers.iter().map(queue).collect();
    let together = jobs::together(&queues, by, vector.min_replica_count, vector.max_replica_count);
    let demand = Demand { messages: out.scale_to, jobs: out.max_scale };
    assert_eq!(together, Together { active: out.active, demand });
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueueIn {
    metrics: Vec<f64>,
    targets: Vec<Option<f64>>,
    max_replica_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueueOut {
    queue_length: f64,
    max_value: f64,
}

pub(super) fn queue_max(vector: &QueueIn, out: &QueueOut) -> Outcome {
    let targets: Vec<f64> = vector.targets.iter().map(|target| target.unwrap_or(0.0)).collect();
    let queue = jobs::queue(&vector.metrics, &targets, Strategy::Default, vector.max_replica_count, true);
    assert!(same(queue.length, out.queue_length) && same(queue.jobs, out.max_value), "{queue:?}");
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct MinMax {
    min: Option<u32>,
    max: Option<u32>,
}

pub(super) fn minmax(vector: &MinMax, out: &MinMax) -> Outcome {
    let object = scaled_job(&json!({ "minReplicaCount": vector.min, "maxReplicaCount": vector.max }));
    let limits = Limits::of(&object);
    if vector.max.is_some() && vector.min > vector.max {
        // KEDA's may then run as many beside the least number, twice the most in all.
        assert_eq!((Some(limits.min), limits.above), (out.min, 0));
        return Outcome::Differs("jobs-maximum");
    }
    assert_eq!((Some(limits.min), Some(limits.above)), (out.min, out.max));
    Outcome::Same
}
