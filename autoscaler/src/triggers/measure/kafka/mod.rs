//! Kafka: a consumer group's lag, from the offsets that it has committed and those that a partition ends at.

mod commits;
mod lag;
mod total;

pub use self::commits::Commits;
pub use self::lag::{Lag, Offsets, Persistence, partition_lag};
pub use self::total::{Total, factors, next_factor, total};
