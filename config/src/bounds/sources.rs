//! What bounds the clients of what triggers read.

use std::time::Duration;

/// Clients, servers and shared answers that the pool of sources has at once: a few for each trigger of ten thousand
/// workloads.
pub const SOURCES: usize = 65_536;

/// Reads at once of one server: enough for a thousand reads a second of one that answers in milliseconds, and few enough
/// not to be its load.
pub const SOURCE_READS: usize = 8;

/// How long a server that failed is first left alone: a restart of a small one takes as long.
pub const SOURCE_RETRY_FIRST: Duration = Duration::from_millis(250);

/// How long a server that fails again and again is left alone at most: half of the default polling interval, so that one that
/// is back is noticed by the next poll.
pub const SOURCE_RETRY_SLOWEST: Duration = Duration::from_secs(15);

/// How long a connection to a source's server may take to open, where its trigger's timeout is longer: one whose machine is
/// gone does not answer at all.
pub const SOURCE_CONNECT_TIME: Duration = Duration::from_secs(10);

/// Idle connections kept to one server: as many as reads at once.
pub const SOURCE_IDLE: usize = SOURCE_READS;

/// How long an idle connection to a server is kept: longer than three polls by default, and what Go's clients do.
pub const SOURCE_IDLE_TIME: Duration = Duration::from_secs(90);

/// Bytes of an answer that holds one number somewhere: a large application's metrics in Prometheus' text format.
pub const SOURCE_ANSWER_BYTES: usize = 4 << 20;

/// Bytes of an answer that *is* one number, with names and warnings around it. It is kept for who asks the same.
pub const SOURCE_NUMBER_BYTES: usize = 64 << 10;

/// Bytes of what a server says went wrong that are shown: a line for people, not a page.
pub const SOURCE_TROUBLE_BYTES: usize = 300;

/// Bytes of one frame of AMQP: what RabbitMQ itself proposes.
pub const AMQP_FRAME_BYTES: usize = 128 << 10;

/// Bytes of one answer of a Kafka broker: the partitions and leaders of the largest clusters are a few MiB.
pub const KAFKA_ANSWER_BYTES: usize = 16 << 20;

/// Brokers of one cluster that are kept connections to: more than any cluster has.
pub const KAFKA_BROKERS: usize = 1_000;

/// How often a password may have to be hashed to log in at Kafka: brokers ask for 4,096 to 16,384, and this takes 0.1 s.
pub const SCRAM_ITERATIONS: u32 = 200_000;

/// Idle connections kept to one database, of at most [`SOURCE_READS`]: each is a process of the server.
pub const POSTGRESQL_IDLE: usize = 2;

/// Endpoints of one Service that are asked for a number: as many as there are in one EndpointSlice.
pub const SOURCE_ENDPOINTS: usize = 100;

/// Metrics that one external scaler may name: each is a call for every poll.
pub const EXTERNAL_METRICS: usize = 16;

/// First pause before the stream of an external scaler that broke is opened again: KEDA's.
pub const PUSH_RETRY_FIRST: Duration = Duration::from_secs(2);

/// Longest pause before the stream of an external scaler is opened again: KEDA's.
pub const PUSH_RETRY_SLOWEST: Duration = Duration::from_secs(60);

/// Bytes of one gRPC message of an external scaler, or to ours.
pub const GRPC_MESSAGE_BYTES: usize = 1 << 20;

/// Connections to Rouse as an external scaler: KEDA keeps one, another for each of its replicas.
pub const SCALER_CONNECTIONS: usize = 64;

/// How often it is looked whether it is known by now that a workload has no request, for who waits to be told: nothing tells
/// of that, and nobody loses by a second.
pub const SCALER_LOOK: Duration = Duration::from_secs(1);

/// Calls at once on one connection to Rouse as an external scaler: a stream for each workload, ten thousand of them, and polls.
pub const SCALER_STREAMS: u32 = 20_000;
