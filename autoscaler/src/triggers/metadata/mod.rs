//! What a trigger's parameters mean: KEDA's names, defaults and rules, one file a kind.
//!
//! [`Parameters`] finds a parameter where KEDA finds it, in the metadata, the TriggerAuthentication or a variable of the
//! container; [`TriggerKind::parse`] makes a typed value of them, or says everything that is wrong. Names that people
//! commonly write instead of the right ones are understood, with a warning that has the right one; parameters that
//! nobody knows are warnings, too. No message shows what comes from a TriggerAuthentication or a variable.

mod cron;
mod elasticsearch;
mod endpoint;
mod external;
mod gcp_storage;
mod http;
mod kafka;
mod kind;
mod metrics_api;
mod parameters;
mod postgresql;
mod prometheus;
mod rabbitmq;
mod redis;
mod resource;
mod sasl;
pub mod text;

pub use cron::Cron;
pub use elasticsearch::{Elasticsearch, ElasticsearchServer, Search};
pub use endpoint::Endpoint;
pub use external::External;
pub use gcp_storage::{GcpCredentials, GcpStorage};
pub use http::{ClientCertificate, Http, HttpAuth, Tls};
pub use kafka::{Cap, Kafka, OffsetReset};
pub use kind::{KINDS, TriggerKind};
pub use metrics_api::{Aggregation, Format, MetricsApi};
pub use parameters::Parameters;
pub use postgresql::{Connection, Postgresql, escape};
pub use prometheus::{Prometheus, Range, Smoothing};
pub use rabbitmq::{Mode, Operation, Protocol, Rabbitmq};
pub use redis::{Count, Redis, RedisServer};
pub use resource::Resource;
pub use sasl::{Sasl, SaslMechanism};

/// What an answer without a number means, which `ignoreNullValues` chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// No data: nothing is lowered for it. When nothing is written.
    #[default]
    NoData,
    /// Zero, as KEDA has it: `ignoreNullValues: "true"`.
    Zero,
    /// A failure, which counts towards the fallback: `ignoreNullValues: "false"`.
    Failure,
}

impl Nulls {
    fn read(parameters: &mut Parameters<'_>) -> Nulls {
        match parameters.parsed(parameters::plain("ignoreNullValues"), text::switch) {
            Some(true) => Nulls::Zero,
            Some(false) => Nulls::Failure,
            None => Nulls::NoData,
        }
    }
}

#[cfg(test)]
mod tests;
