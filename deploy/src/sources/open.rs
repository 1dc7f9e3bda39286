//! From a trigger to what reads it.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::metadata::{Protocol, TriggerKind};
use config::bounds;

use super::{Pool, Source};

/// The ScaledObject or ScaledJob whose trigger it is: an external scaler is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its `pollingInterval`: what has not moved for so long stands still.
    pub interval: Duration,
}

/// Why there is nothing that reads a trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// This binary has no client for it.
    #[error("this rouse was built without {0} (a cargo feature)")]
    NotBuilt(&'static str),
    /// Nothing is read for it: pods use it.
    #[error("cpu and memory are not read from a source")]
    NoSource,
    /// A parameter cannot be used, for a reason that only shows when it is.
    #[error("{0}: {1}")]
    Parameter(&'static str, String),
    /// There are too many already.
    #[error("there are {} clients of sources already", bounds::SOURCES)]
    Full,
}

impl OpenError {
    pub(super) fn parameter(name: &'static str, problem: impl Into<String>) -> OpenError {
        OpenError::Parameter(name, problem.into())
    }
}

/// What reads `trigger` of `object`. Nothing is connected yet, so that this says nothing about the server.
///
/// # Errors
/// When the trigger is no source's, or not in this binary, or a parameter of it cannot be used, or there are too many.
#[allow(unused_variables, unreachable_code, unreachable_patterns, reason = "by the features that are on")]
pub fn open(trigger: &TriggerKind, object: &Object, pool: &Arc<Pool>) -> Result<Box<dyn Source>, OpenError> {
    Ok(match trigger {
        #[cfg(feature = "source-prometheus")]
        TriggerKind::Prometheus(it) => Box::new(super::prometheus::Prometheus::open(it, pool)?),
        #[cfg(feature = "source-metrics-api")]
        TriggerKind::MetricsApi(it) => Box::new(super::metrics_api::MetricsApi::open(it, pool)?),
        #[cfg(feature = "source-rabbitmq")]
        TriggerKind::Rabbitmq(it) if it.protocol == Protocol::Http => {
            Box::new(super::rabbitmq::RabbitmqHttp::open(it, pool)?)
        }
        #[cfg(feature = "source-elasticsearch")]
        TriggerKind::Elasticsearch(it) => Box::new(super::elasticsearch::Elasticsearch::open(it, pool)?),
        #[cfg(feature = "source-gcp-storage")]
        TriggerKind::GcpStorage(it) => Box::new(super::gcp_storage::GcpStorage::open(it, pool)?),
        #[cfg(feature = "source-kafka")]
        TriggerKind::Kafka(it) => Box::new(super::kafka::Kafka::open(it, object.interval, pool)?),
        #[cfg(feature = "source-postgresql")]
        TriggerKind::Postgresql(it) => Box::new(super::postgresql::Postgresql::open(it, pool)?),
        #[cfg(feature = "source-rabbitmq")]
        TriggerKind::Rabbitmq(it) if it.protocol == Protocol::Amqp => Box::new(super::amqp::Amqp::open(it, pool)?),
        #[cfg(feature = "source-redis")]
        TriggerKind::Redis(it) => Box::new(super::redis::Redis::open(it, pool)?),
        #[cfg(feature = "source-cron")]
        TriggerKind::Cron(it) => Box::new(super::cron::Cron::open(it)?),
        #[cfg(feature = "source-external")]
        TriggerKind::External(it) => Box::new(super::external::External::open(it, object, pool)?),
        TriggerKind::Resource(_) => return Err(OpenError::NoSource),
        other => return Err(OpenError::NotBuilt(feature(other))),
    })
}

/// The cargo feature that has the client of a trigger.
fn feature(trigger: &TriggerKind) -> &'static str {
    match trigger {
        TriggerKind::Prometheus(_) => "source-prometheus",
        TriggerKind::Redis(_) => "source-redis",
        TriggerKind::Postgresql(_) => "source-postgresql",
        TriggerKind::Rabbitmq(_) => "source-rabbitmq",
        TriggerKind::Kafka(_) => "source-kafka",
        TriggerKind::GcpStorage(_) => "source-gcp-storage",
        TriggerKind::Elasticsearch(_) => "source-elasticsearch",
        TriggerKind::Cron(_) => "source-cron",
        TriggerKind::MetricsApi(_) => "source-metrics-api",
        TriggerKind::External(_) => "source-external",
        TriggerKind::Resource(_) => "",
    }
}
