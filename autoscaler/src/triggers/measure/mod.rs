//! What the answers of each source mean: bodies, offsets and counts in, a [`Reading`](super::Reading) out. No I/O.

pub mod cron;
pub mod elasticsearch;
pub mod external;
pub mod gcp_storage;
pub mod kafka;
pub mod location;
pub mod metrics_api;
pub mod postgresql;
pub mod prometheus;
pub mod rabbitmq;
pub mod redis;
