//! Every kind of trigger.

use config::{Problems, Warning, did_you_mean};

use super::{
    Count, Cron, Elasticsearch, External, GcpStorage, Kafka, MetricsApi, Parameters, Postgresql, Prometheus, Rabbitmq,
    Redis, Resource, Search,
};
use crate::triggers::measure::cron;
use crate::triggers::names;

/// What one trigger reads, and where.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerKind {
    /// `prometheus`
    Prometheus(Prometheus),
    /// `redis`, `redis-streams`, and both with `cluster` and `sentinel`.
    Redis(Redis),
    /// `postgresql`
    Postgresql(Postgresql),
    /// `rabbitmq`
    Rabbitmq(Rabbitmq),
    /// `kafka`
    Kafka(Kafka),
    /// `gcp-storage`
    GcpStorage(GcpStorage),
    /// `elasticsearch`
    Elasticsearch(Elasticsearch),
    /// `cron`
    Cron(Cron),
    /// `metrics-api`
    MetricsApi(MetricsApi),
    /// `external` and `external-push`
    External(External),
    /// `cpu` and `memory`
    Resource(Resource),
}

/// The types of triggers that are served.
pub const KINDS: [&str; 18] = [
    "prometheus",
    "redis",
    "redis-cluster",
    "redis-sentinel",
    "redis-streams",
    "redis-cluster-streams",
    "redis-sentinel-streams",
    "postgresql",
    "rabbitmq",
    "kafka",
    "gcp-storage",
    "elasticsearch",
    "cron",
    "metrics-api",
    "external",
    "external-push",
    "cpu",
    "memory",
];

impl TriggerKind {
    /// A trigger of the type `kind` with these parameters, and what is odd about it.
    ///
    /// # Errors
    /// Everything that is wrong with it, or that there is no such type.
    pub fn parse(kind: &str, mut parameters: Parameters<'_>) -> Result<(TriggerKind, Vec<Warning>), Problems> {
        let given = &mut parameters;
        let read = match kind {
            "prometheus" => Prometheus::read(given).map(TriggerKind::Prometheus),
            _ if kind == "redis" || kind.starts_with("redis-") && KINDS.contains(&kind) => {
                Redis::read(kind, given).map(TriggerKind::Redis)
            }
            "postgresql" => Postgresql::read(given).map(TriggerKind::Postgresql),
            "rabbitmq" => Rabbitmq::read(given).map(TriggerKind::Rabbitmq),
            "kafka" => Kafka::read(given).map(TriggerKind::Kafka),
            "gcp-storage" => GcpStorage::read(given).map(TriggerKind::GcpStorage),
            "elasticsearch" => Elasticsearch::read(given).map(TriggerKind::Elasticsearch),
            "cron" => Cron::read(given).map(TriggerKind::Cron),
            "metrics-api" => MetricsApi::read(given).map(TriggerKind::MetricsApi),
            "external" => External::read(false, given).map(TriggerKind::External),
            "external-push" => External::read(true, given).map(TriggerKind::External),
            "cpu" | "memory" => Resource::read(kind, given).map(TriggerKind::Resource),
            other => {
                let hint = did_you_mean(other, KINDS).map(|kind| format!("; did you mean {kind}?")).unwrap_or_default();
                given.refuse_kind(other, format!("is not served: it must be one of {}{hint}", KINDS.join(", ")));
                None
            }
        };
        let all = matches!(kind, "external" | "external-push");
        parameters.finish(read, all)
    }

    /// What one pod should carry of what is read (or all together, by the trigger's metric type), in its own unit. None
    /// where the scaler says it itself.
    pub fn target(&self) -> Option<f64> {
        Some(match self {
            TriggerKind::Prometheus(it) => it.target,
            TriggerKind::Redis(it) => it.target as f64,
            TriggerKind::Postgresql(it) => it.target,
            TriggerKind::Rabbitmq(it) => it.target,
            TriggerKind::Kafka(it) => it.target as f64,
            TriggerKind::GcpStorage(it) => it.target as f64,
            TriggerKind::Elasticsearch(it) => it.target,
            TriggerKind::Cron(_) => 1.0,
            TriggerKind::MetricsApi(it) => it.target,
            TriggerKind::External(_) => return None,
            TriggerKind::Resource(it) => it.target,
        })
    }

    /// The name of its metric as the trigger at `index` of its object, as KEDA makes it; none where the scaler says it, and
    /// of what pods use themselves.
    pub fn metric_name(&self, index: usize) -> Option<String> {
        let name = match self {
            TriggerKind::Prometheus(_) => "prometheus".to_owned(),
            TriggerKind::Redis(it) if it.count == Count::Items => format!("redis-{}", it.key),
            TriggerKind::Redis(it) => format!("redis-streams-{}", it.key),
            TriggerKind::Postgresql(_) => "postgresql".to_owned(),
            TriggerKind::Rabbitmq(it) => format!("rabbitmq-{}", it.queue),
            TriggerKind::Kafka(it) => match &it.topic {
                Some(topic) => format!("kafka-{topic}"),
                None => format!("kafka-{}-topics", it.group),
            },
            TriggerKind::GcpStorage(it) => format!("gcp-storage-{}", it.bucket),
            TriggerKind::Elasticsearch(it) => match &it.search {
                Search::Template { name, .. } => format!("elasticsearch-{name}"),
                Search::Query(_) => "elasticsearch-query".to_owned(),
            },
            TriggerKind::Cron(it) => cron::name(&it.timezone, &it.start, &it.end),
            TriggerKind::MetricsApi(it) => format!("metric-api-{}", it.value_location),
            TriggerKind::External(_) | TriggerKind::Resource(_) => return None,
        };
        Some(names::indexed(index, &names::normalized(&name)))
    }

    /// The workload is active while what is read is more than this. None where something else decides.
    pub fn activation(&self) -> Option<f64> {
        match self {
            TriggerKind::Prometheus(it) => Some(it.activation),
            TriggerKind::Redis(it) => Some(it.activation as f64),
            TriggerKind::Postgresql(it) => Some(it.activation),
            TriggerKind::Rabbitmq(it) => Some(it.activation),
            TriggerKind::Kafka(it) => Some(it.activation as f64),
            TriggerKind::GcpStorage(it) => Some(it.activation as f64),
            TriggerKind::Elasticsearch(it) => Some(it.activation),
            TriggerKind::MetricsApi(it) => Some(it.activation),
            TriggerKind::Cron(_) | TriggerKind::External(_) | TriggerKind::Resource(_) => None,
        }
    }
}
