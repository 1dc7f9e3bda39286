//! Clients of what triggers read: one number a trigger, from a server that somebody else runs.
//!
//! [`open()`] makes a [`Source`] of a trigger. What several sources need the same they share through a [`Pool`]: clients, one a
//! (server, credentials); a [`Server`], which bounds the reads at once and is left alone after errors; and a [`Slot`] for
//! reads that are the same, so that they are one. All of them end with the last source that has them.
//!
//! What an answer means is [`autoscaler::triggers::measure`]'s business; here is how it is got. A read takes no longer than
//! its trigger's timeout, whatever the server does, and may be dropped at any time. A feature each: `source-prometheus`, ...

#![cfg_attr(
    not(feature = "sources"),
    allow(dead_code, unused_imports, reason = "with fewer clients less of what they share is used")
)]

#[cfg(feature = "source-rabbitmq")]
mod amqp;
mod asked;
mod cause;
#[cfg(feature = "source-cron")]
mod cron;
mod edges;
#[cfg(feature = "source-elasticsearch")]
mod elasticsearch;
#[cfg(feature = "source-external")]
mod external;
#[cfg(feature = "source-gcp-storage")]
mod gcp_storage;
#[cfg(feature = "http-sources")]
mod http;
#[cfg(feature = "source-kafka")]
mod kafka;
mod kept;
mod key;
#[cfg(feature = "source-metrics-api")]
mod metrics_api;
mod open;
mod pause;
mod pool;
#[cfg(feature = "source-postgresql")]
mod postgresql;
#[cfg(feature = "source-prometheus")]
mod prometheus;
#[cfg(feature = "source-rabbitmq")]
mod rabbitmq;
#[cfg(feature = "source-redis")]
mod redis;
mod server;
mod slot;
mod stream;
mod trust;
mod watched;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::Reading;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;

pub use self::key::Key;
pub use self::open::{Object, OpenError, open};
pub use self::pool::{Endpoints, Pool, PoolSettings};
pub use self::server::{Server, Trouble};
pub use self::slot::Slot;
pub use self::watched::Watch;

/// What reads one trigger's number. What must be remembered between two reads of a trigger lives here, and what several
/// triggers share does not.
pub trait Source: Send + Sync + fmt::Debug {
    /// One look. It takes no longer than the trigger's timeout, and may be dropped.
    fn read(&self, look: Look) -> BoxFuture<'_, Answer>;

    /// Sources with the same key ask the same of the same server as the same user: whoever plans their reads can have one
    /// request for all of them.
    fn key(&self) -> &Key;

    /// The server that it asks, whose budget extra looks have to keep. None: a look costs nobody anything.
    fn server(&self) -> Option<&Arc<Server>> {
        None
    }

    /// An item whenever the server says, unasked, that there may be something to do: then the workload is woken, or the
    /// number read at once. None: it cannot tell. The stream connects again by itself and does not end; dropping it closes
    /// what it has open.
    fn edges(&self) -> Option<BoxStream<'static, Edge>> {
        None
    }
}

/// One look at a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The time, in seconds since 1970.
    pub at: i64,
    /// How old an answer to the same question may be to be taken for this one. Zero: only reads that overlap are one.
    pub age: Duration,
}

/// What a source says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The number, or why there is none.
    pub reading: Reading,
    /// What one pod should carry of it, where the server says so itself (`external`).
    pub target: Option<f64>,
}

impl From<Reading> for Answer {
    fn from(reading: Reading) -> Answer {
        Answer { reading, target: None }
    }
}

/// What a server said unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// There is work: wake now.
    Wake,
    /// Something changed: read now.
    Read,
}
