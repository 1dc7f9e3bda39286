//! Every bound of Rouse, with its default and the reason for it.
//!
//! Nothing grows without one of these. What is a user's choice (container-concurrency, timeouts, scales) lives in
//! [`crate::Policy`] and [`crate::Serving`]; these are what protects Rouse itself.

use std::time::Duration;

/// Requests that one activator holds for one workload. Knative's nominal queue depth, here enforced: at 12 KiB each a
/// full queue is 120 MB.
pub const HELD_REQUESTS: usize = 10_000;

/// Bytes of request bodies that one activator buffers for one workload's held requests.
pub const HELD_BYTES: usize = 64 << 20;

/// Requests that may wait in front of one pod, per slot of container-concurrency: Knative's queue-proxy, so that moving
/// here changes nothing for clients.
pub const LINE_PER_SLOT: usize = 10;

/// The largest container-concurrency that is accepted: more in flight in one process than sockets on most machines.
pub const MAX_CONTAINER_CONCURRENCY: u32 = 1_000_000;

/// Idle connections kept to one app without container-concurrency. Knative's queue-proxy keeps as many; with
/// container-concurrency that number is the bound, for more can never be in use.
pub const IDLE_UPSTREAM: usize = 1_000;

/// How long an idle connection to an app is kept. Shorter than the shortest keep-alive timeout of a common server
/// (Node: 5 s), so that we never write to a connection that the app is about to close.
pub const IDLE_UPSTREAM_TIME: Duration = Duration::from_secs(4);

/// Bytes hyper may buffer of one HTTP/1 connection: request line and headers must fit.
pub const HEADER_BYTES: usize = 16 << 10;

/// Streams that one HTTP/2 connection may have open: Go's default, which Knative's users have.
pub const H2_STREAMS: u32 = 250;

/// How long a client may take to send a request's headers, so that silent connections do not pile up.
pub const HEADER_READ_TIME: Duration = Duration::from_secs(60);

/// How many pods one request is offered to when connections fail before the app can have seen it.
pub const FORWARD_TRIES: u32 = 5;

/// How long a pod is given nothing after a connection to it failed: long enough for one that restarts, or for the news
/// that it is gone; random, so that held requests do not come back all at once.
pub const PASS_OVER: std::ops::Range<Duration> = Duration::from_millis(5)..Duration::from_millis(50);

/// Wakes from zero that an activator remembers until somebody asks for them.
pub const WAKES_KEPT: usize = 256;

/// First pause between two readiness probes while a pod starts: a local app's port opens within milliseconds.
pub const PROBE_FIRST: Duration = Duration::from_millis(1);

/// Longest pause between two readiness probes while a pod starts: late by at most this.
pub const PROBE_SLOWEST: Duration = Duration::from_millis(50);

/// One-second reports that a counter keeps until they are taken: a stable window's worth, so that an autoscaler that
/// was away for that long misses nothing.
pub const REPORTS_KEPT: usize = 60;

/// Frames on their way to the autoscaler within one process. The sender waits when it is full.
pub const LINK_FRAMES: usize = 1_024;

/// Decisions kept per workload for `explain`.
pub const DECISIONS_KEPT: usize = 16;

/// Exits in a row without ever being ready after which a workload counts as broken.
pub const CRASH_LOOP_EXITS: u32 = 3;

/// First pause before a pod that exited is started again; doubles up to [`RESTART_SLOWEST`].
pub const RESTART_FIRST: Duration = Duration::from_millis(100);

/// Longest pause before a pod that exited is started again.
pub const RESTART_SLOWEST: Duration = Duration::from_secs(10);

/// Ports that pods on one machine get (`PORT`).
pub const LOCAL_PORTS: std::ops::RangeInclusive<u16> = 20_000..=29_999;

/// How long a local port is not given out again: longer than a client's last connection to its old pod.
pub const LOCAL_PORT_REST: Duration = Duration::from_secs(60);

/// Bytes of a manifest file. Kubernetes itself takes no object over 3 MiB.
pub const MANIFEST_BYTES: usize = 16 << 20;

/// Streams that we open on one HTTP/2 connection to an app before we open another: every server allows as many
/// (RFC 9113 recommends no lower limit).
pub const H2_STREAMS_UPSTREAM: u32 = 100;

/// Bytes that one HTTP/2 stream may be sent before we have passed them on. Pods and clients are near: four full TCP
/// windows of 64 KiB are no brake.
pub const H2_STREAM_WINDOW: u32 = 256 << 10;

/// Bytes that all streams of one HTTP/2 connection together may be sent before we have passed them on.
pub const H2_CONNECTION_WINDOW: u32 = 1 << 20;

/// Bytes that wait to be written to one HTTP/2 stream.
pub const H2_SEND_BUFFER: usize = 64 << 10;

/// Bytes of one line of a pod's output; a longer one is told in pieces.
pub const OUTPUT_LINE: usize = 16 << 10;

/// How long a pod whose termination grace passed while requests were in flight may still take to end once told so:
/// what Kubernetes adds after a preStop hook that took too long.
pub const LAST_GRACE: Duration = Duration::from_secs(2);

/// How long a pod's shim may take to kill what it keeps before it is killed itself, and then how long the rest of the
/// pod's output may take to arrive. Both take milliseconds.
pub const KILL_TIME: Duration = Duration::from_secs(1);

/// Nodes of YAML that the aliases of one manifest file may stand for: far more than people write, and too few to make a
/// small file a large one.
pub const MANIFEST_ALIAS_EVENTS: usize = 100_000;

/// How long a draining pod that clients reach directly serves on after the last new connection of one: as long as a
/// node's proxy may take to forget the pod, with a margin.
pub const DRAIN_QUIET: Duration = Duration::from_secs(10);

/// First pause before a platform call that failed is tried again; doubles up to [`PLATFORM_RETRY_SLOWEST`].
pub const PLATFORM_RETRY_FIRST: Duration = Duration::from_millis(100);

/// Longest pause before a platform call that failed is tried again: late by at most this once it works.
pub const PLATFORM_RETRY_SLOWEST: Duration = Duration::from_secs(10);

/// How long either side of a Link may be silent before it says that it lives. Rare, because all are idle most of the
/// time; a process that dies is noticed at once, by its connection.
pub const LINK_HEARTBEAT: Duration = Duration::from_secs(5);

/// Heartbeats missed after which a Link is dead.
pub const LINK_DEAD_AFTER: u32 = 3;

/// Bytes of one frame of a Link: a workload's thousand pods fit, a stranger's gigabyte does not.
pub const LINK_FRAME_BYTES: usize = 1 << 20;

/// First pause before a Link that broke is opened again, jittered; doubles up to [`LINK_RETRY_SLOWEST`].
pub const LINK_RETRY_FIRST: Duration = Duration::from_millis(20);

/// Longest pause before a Link that broke is opened again: the autoscaler is back in a reporter's view within this.
pub const LINK_RETRY_SLOWEST: Duration = Duration::from_secs(1);

/// Reports that a reporter keeps to send them (again): a minute of a thousand busy workloads. The oldest go first.
pub const LINK_OUTBOX: usize = 65_536;

/// Frames that wait to be written to one reporter. One that reads slower than that is cut off and starts anew.
pub const LINK_DOWN_FRAMES: usize = 4_096;

/// Links that one autoscaler serves.
pub const LINKS: usize = 100_000;

/// How long after its start an autoscaler waits for pods to speak before it takes those that have not for gone: a list
/// that shrinks right after a gap is not believed.
pub const SYNC_AFTER: Duration = Duration::from_secs(10);

/// Bytes of a request's body that an activator keeps to offer it to another pod; a larger one waits for the pod's
/// `100 Continue`.
pub const REPLAY_BYTES: usize = 16 << 10;

/// How long a request that may be refused waits at a pod for a slot: about as long as it would take to come back.
pub const MAY_REFUSE_WAIT: Duration = Duration::from_millis(20);

/// One request that may be refused may wait at a pod for each this many slots, and at least one.
pub const SLOTS_PER_MAY_REFUSE_PLACE: u32 = 10;
