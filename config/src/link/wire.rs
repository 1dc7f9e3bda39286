//! The messages on the wire, as protobuf: a field or a kind of frame that the reader does not know is skipped, one that
//! the writer did not know has its default. Tags are never used again for anything else.
//!
//! Before each frame goes its length, as four bytes, the most significant first. Times are nanoseconds since 1970,
//! durations are nanoseconds.

use std::fmt;

use prost::{Message, Oneof};

/// A frame from a reporter.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UpFrame {
    #[prost(oneof = "UpKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub(super) kind: Option<UpKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum UpKind {
    #[prost(message, tag = "1")]
    Hello(Hello),
    #[prost(message, tag = "2")]
    State(State),
    #[prost(message, tag = "3")]
    Heartbeat(Heartbeat),
    #[prost(message, tag = "4")]
    Name(Name),
    #[prost(message, tag = "5")]
    Report(Report),
    #[prost(message, tag = "6")]
    Left(Left),
    #[prost(message, tag = "7")]
    Latency(Latency),
    #[prost(message, tag = "8")]
    Door(DoorSaid),
    #[prost(message, tag = "9")]
    Leaving(Empty),
    #[prost(message, tag = "10")]
    Woke(Woke),
}

/// One of `pod` and `activator` says who speaks.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Hello {
    #[prost(string, optional, tag = "1")]
    pub(super) pod: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) activator: Option<String>,
    #[prost(fixed64, tag = "3")]
    pub(super) incarnation: u64,
    #[prost(message, optional, tag = "4")]
    pub(super) workload: Option<Workload>,
    #[prost(string, tag = "5")]
    pub(super) address: String,
    #[prost(fixed64, tag = "6")]
    pub(super) at: u64,
    #[prost(string, optional, tag = "7")]
    pub(super) token: Option<String>,
}

/// Without the token, which is a secret.
impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello").field("pod", &self.pod).field("activator", &self.activator).finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Workload {
    #[prost(string, tag = "1")]
    pub(super) namespace: String,
    #[prost(string, tag = "2")]
    pub(super) kind: String,
    #[prost(string, tag = "3")]
    pub(super) name: String,
}

/// Without `pod`: the one that speaks.
#[derive(Clone, PartialEq, Message)]
pub(super) struct State {
    #[prost(string, optional, tag = "1")]
    pub(super) pod: Option<String>,
    #[prost(uint32, tag = "2")]
    pub(super) state: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Heartbeat {
    #[prost(fixed64, tag = "1")]
    pub(super) at: u64,
}

/// From now on `number` stands for this workload, reported by who speaks, or by another: `pod` or `activator`. Numbers
/// are declared from 1 up, each the next one or one that was used before; 0 is the workload of `Hello`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Name {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) workload: Option<Workload>,
    #[prost(string, optional, tag = "3")]
    pub(super) pod: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(super) activator: Option<String>,
}

/// The one frame of which there are many: numbers only, so that reading it allocates nothing.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Report {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(uint64, tag = "2")]
    pub(super) seq: u64,
    #[prost(fixed64, tag = "3")]
    pub(super) from: u64,
    #[prost(fixed64, tag = "4")]
    pub(super) to: u64,
    #[prost(uint64, tag = "5")]
    pub(super) concurrency_ns: u64,
    #[prost(uint64, tag = "6")]
    pub(super) arrived: u64,
    #[prost(uint32, tag = "7")]
    pub(super) peak: u32,
    #[prost(uint32, tag = "8")]
    pub(super) in_flight: u32,
    #[prost(uint32, tag = "9")]
    pub(super) waiting: u32,
    #[prost(uint32, tag = "10")]
    pub(super) open: u32,
    #[prost(uint32, tag = "11")]
    pub(super) direct_connections: u32,
    #[prost(uint64, tag = "12")]
    pub(super) direct: u64,
}

/// The number may be declared anew after this.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Left {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
}

/// What became of a [`Door`].
#[derive(Clone, PartialEq, Message)]
pub(super) struct DoorSaid {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
    #[prost(uint32, tag = "2")]
    pub(super) port: u32,
    #[prost(string, optional, tag = "3")]
    pub(super) error: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Latency {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(message, optional, tag = "2")]
    pub(super) answered: Option<Histogram>,
    #[prost(message, optional, tag = "3")]
    pub(super) held: Option<Histogram>,
}

/// `counts` says of each duration in `took`, at the same place, how many took that long.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Histogram {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) took: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) counts: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Woke {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
    #[prost(fixed64, tag = "2")]
    pub(super) held_at: u64,
    #[prost(fixed64, tag = "3")]
    pub(super) released_at: u64,
    #[prost(uint32, tag = "4")]
    pub(super) requests: u32,
    #[prost(fixed64, optional, tag = "5")]
    pub(super) first_byte: Option<u64>,
}

/// A frame from the autoscaler.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DownFrame {
    #[prost(oneof = "DownKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub(super) kind: Option<DownKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum DownKind {
    #[prost(message, tag = "1")]
    Welcome(Welcome),
    #[prost(message, tag = "2")]
    Heartbeat(Empty),
    #[prost(message, tag = "3")]
    Ack(Ack),
    #[prost(message, tag = "4")]
    Settings(Settings),
    #[prost(message, tag = "5")]
    Leave(Leave),
    #[prost(message, tag = "6")]
    Served(Served),
    #[prost(message, tag = "7")]
    Gone(Gone),
    #[prost(message, tag = "8")]
    Synced(Empty),
    #[prost(message, tag = "9")]
    Pods(Pods),
    #[prost(message, tag = "10")]
    Door(Door),
    #[prost(message, tag = "11")]
    Stays(Stays),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Empty {}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Welcome {
    #[prost(fixed64, tag = "1")]
    pub(super) incarnation: u64,
    #[prost(uint64, optional, tag = "2")]
    pub(super) heartbeat: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Ack {
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Settings {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
    #[prost(message, optional, tag = "2")]
    pub(super) serving: Option<Serving>,
    #[prost(uint32, tag = "3")]
    pub(super) watermark: u32,
}

/// What is not said is as [`crate::Serving::default`] has it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Serving {
    #[prost(uint32, optional, tag = "1")]
    pub(super) container_concurrency: Option<u32>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) timeout: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) response_start_timeout: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    pub(super) idle_timeout: Option<u64>,
    #[prost(uint32, tag = "5")]
    pub(super) protocol: u32,
    #[prost(message, optional, tag = "6")]
    pub(super) readiness: Option<Probe>,
    #[prost(uint64, optional, tag = "7")]
    pub(super) termination_grace: Option<u64>,
    #[prost(string, repeated, tag = "8")]
    pub(super) ignore_paths: Vec<String>,
    #[prost(string, repeated, tag = "9")]
    pub(super) upgrades: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Probe {
    #[prost(oneof = "ProbeKind", tags = "1, 2, 3, 4")]
    pub(super) kind: Option<ProbeKind>,
    #[prost(uint64, tag = "5")]
    pub(super) period: u64,
    #[prost(uint64, tag = "6")]
    pub(super) timeout: u64,
    #[prost(uint32, tag = "7")]
    pub(super) success_threshold: u32,
    #[prost(uint32, tag = "8")]
    pub(super) failure_threshold: u32,
    #[prost(uint64, tag = "9")]
    pub(super) initial_delay: u64,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ProbeKind {
    #[prost(message, tag = "1")]
    Http(HttpProbe),
    #[prost(message, tag = "2")]
    Tcp(TcpProbe),
    #[prost(message, tag = "3")]
    Grpc(GrpcProbe),
    #[prost(message, tag = "4")]
    Exec(ExecProbe),
}

/// `headers` are names and values by turns.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpProbe {
    #[prost(string, tag = "1")]
    pub(super) path: String,
    #[prost(uint32, optional, tag = "2")]
    pub(super) port: Option<u32>,
    #[prost(string, repeated, tag = "3")]
    pub(super) headers: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct TcpProbe {
    #[prost(uint32, optional, tag = "1")]
    pub(super) port: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GrpcProbe {
    #[prost(uint32, optional, tag = "1")]
    pub(super) port: Option<u32>,
    #[prost(string, tag = "2")]
    pub(super) service: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExecProbe {
    #[prost(string, repeated, tag = "1")]
    pub(super) command: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Leave {
    #[prost(string, tag = "1")]
    pub(super) pod: String, // 2 was whether it is to end as well
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Served {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
    #[prost(message, optional, tag = "2")]
    pub(super) serving: Option<Serving>,
    #[prost(uint32, tag = "3")]
    pub(super) mode: u32,
    #[prost(string, repeated, tag = "4")]
    pub(super) hosts: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Stays {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Gone {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Pods {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
    #[prost(message, repeated, tag = "2")]
    pub(super) pods: Vec<Pod>,
    #[prost(message, optional, tag = "3")]
    pub(super) failure: Option<Failure>,
    #[prost(fixed64, tag = "4")]
    pub(super) at: u64,
}

/// Without `port`: no more.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Door {
    #[prost(message, optional, tag = "1")]
    pub(super) workload: Option<Workload>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) port: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Pod {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) address: String,
    #[prost(uint32, tag = "3")]
    pub(super) state: u32,
    #[prost(bool, tag = "4")]
    pub(super) has_queue_proxy: bool,
    #[prost(fixed64, tag = "5")]
    pub(super) created: u64,
    /// Another than that of the frame.
    #[prost(message, optional, tag = "6")]
    pub(super) workload: Option<Workload>,
}

/// `word` is [`crate::Failure::word`].
#[derive(Clone, PartialEq, Message)]
pub(super) struct Failure {
    #[prost(string, tag = "1")]
    pub(super) word: String,
    #[prost(string, tag = "2")]
    pub(super) detail: String,
    #[prost(uint32, tag = "3")]
    pub(super) exits: u32,
}
