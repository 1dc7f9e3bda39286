//! Kafka's lag.

use std::collections::BTreeMap;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::kafka::{self, Lag, Offsets, Persistence};
use autoscaler::triggers::metadata::{Cap, OffsetReset, Parameters, TriggerKind};
use serde::Deserialize;

use super::Outcome;

#[derive(Deserialize)]
pub(super) struct Number {
    n: i64,
}

pub(super) fn factors(vector: &Number, out: &Option<Vec<u64>>) -> Outcome {
    let factors = u64::try_from(vector.n).map(kafka::factors).unwrap_or_default();
    assert_eq!(factors, out.clone().unwrap_or_default());
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct NextFactor {
    lag: u64,
    partitions: u64,
    threshold: u64,
}

pub(super) fn next_factor(vector: &NextFactor, out: &u64) -> Outcome {
    assert_eq!(kafka::next_factor(vector.lag, vector.partitions, vector.threshold), *out);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct Text {
    s: String,
}

pub(super) fn partition_limitation(vector: &Text, out: &Option<Vec<i32>>) -> Outcome {
    let given =
        [("bootstrapServers", "k:9092"), ("consumerGroup", "g"), ("topic", "t"), ("partitionLimitation", &vector.s)];
    let metadata = given.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let read = TriggerKind::parse("kafka", Parameters::new(&metadata, &BTreeMap::new(), &BTreeMap::new()));
    let partitions = match read {
        Ok((TriggerKind::Kafka(kafka), _)) => kafka.partitions,
        _ => None,
    };
    assert_eq!(partitions, *out);
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartitionLag {
    policy: String,
    committed: i64,
    latest: Option<i64>,
    previous: Option<i64>,
    scale_to_zero_on_invalid_offset: bool,
    exclude_persistent_lag: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LagOut {
    lag: i64,
    with_persistent: i64,
}

pub(super) fn partition_lag(vector: &PartitionLag, out: &LagOut) -> Outcome {
    let committed = (vector.committed >= 0).then_some(vector.committed);
    let lag = kafka::partition_lag(
        Offsets { committed, earliest: 0, latest: vector.latest },
        vector.previous,
        Persistence {
            reset: if vector.policy == "earliest" { OffsetReset::Earliest } else { OffsetReset::Latest },
            zero_on_invalid_offset: vector.scale_to_zero_on_invalid_offset,
            exclude_persistent: vector.exclude_persistent_lag,
        },
    );
    let clamped = Lag { scaling: out.lag.max(0) as u64, activation: out.with_persistent.max(0) as u64 };
    assert_eq!(lag, clamped);
    if out.lag < 0 || out.with_persistent < 0 { Outcome::Differs("negative-lag") } else { Outcome::Same }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TotalIn {
    partitions: Vec<(i64, i64)>,
    lag_threshold: u64,
    activation_lag_threshold: u64,
    policy: String,
    allow_idle_consumers: bool,
    limit_to_partitions_with_lag: bool,
    ensure_even_distribution_of_partitions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TotalOut {
    metric: u64,
    raw_activation_lag: u64,
    active: bool,
}

impl TotalIn {
    fn cap(&self) -> Cap {
        match (self.limit_to_partitions_with_lag, self.ensure_even_distribution_of_partitions) {
            (true, _) => Cap::PartitionsWithLag,
            (_, true) => Cap::Even,
            _ if self.allow_idle_consumers => Cap::None,
            _ => Cap::Partitions,
        }
    }

    fn lags(&self) -> Vec<Lag> {
        let reset = if self.policy == "earliest" { OffsetReset::Earliest } else { OffsetReset::Latest };
        let settings = Persistence { reset, ..Persistence::default() };
        let lag = |&(committed, latest): &(i64, i64)| {
            let committed = (committed >= 0).then_some(committed);
            kafka::partition_lag(Offsets { committed, earliest: 0, latest: Some(latest) }, None, settings)
        };
        self.partitions.iter().map(lag).collect()
    }
}

pub(super) fn total(vector: &TotalIn, out: &TotalOut) -> Outcome {
    let (lags, cap) = (vector.lags(), vector.cap());
    let total = kafka::total(&lags, cap, vector.lag_threshold);
    // KEDA's cap lets less than one pod's lag more through.
    let with_lag = lags.iter().filter(|lag| lag.scaling > 0).count() as u64;
    let bound = match cap {
        Cap::None | Cap::Even => u64::MAX,
        Cap::Partitions => lags.len() as u64 * vector.lag_threshold,
        Cap::PartitionsWithLag => with_lag * vector.lag_threshold,
    };
    assert_eq!((total.metric, total.activation), (out.metric.min(bound), out.raw_activation_lag));
    assert_eq!(
        total.reading(vector.activation_lag_threshold),
        Reading::Value { metric: total.metric as f64, active: out.active }
    );
    if out.metric > bound { Outcome::Differs("partition-cap") } else { Outcome::Same }
}
