//! Sources against the servers that they read: the real one, started here on a free port where its binary is found, else
//! said to be skipped (`ROUSE_SERVERS=required` makes that a failure); and stubs, for what no real server can be made to do.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, also where it is not a test function; one that is skipped says so"
)]

mod amqp;
mod cron;
mod delay;
mod elasticsearch;
mod external;
mod gcp_storage;
mod kafka;
mod metrics_api;
mod opened;
mod postgresql;
mod process;
mod prometheus;
mod rabbitmq;
mod redis;
mod scaler;
mod stub;
mod stubbed;
mod tls;
