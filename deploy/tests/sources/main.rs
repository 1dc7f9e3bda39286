//! Sources against the servers that they read: the real one, started here on a free port where its binary is found, else
//! said to be skipped (`ROUSE_SERVERS=required` makes that a failure); and stubs, for what no real server can be made to do.

mod cron;
mod delay;
mod elasticsearch;
mod gcp_storage;
mod metrics_api;
mod opened;
mod process;
mod prometheus;
mod rabbitmq;
mod stub;
mod stubbed;
