//! Every bound of Rouse, with its default and the reason for it.
//!
//! Nothing grows without one of these. What is a user's choice (container-concurrency, timeouts, scales) lives in
//! [`crate::Policy`] and [`crate::Serving`]; these are what protects Rouse itself.

mod arithmetic;
mod cluster;
mod sources;
mod triggers;

use std::time::Duration;

pub use arithmetic::*;
pub use cluster::*;
pub use sources::*;
pub use triggers::*;

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

/// Frames that wait to be written to one reporter. An activator is told more when it has read most of them; a pod that
/// reads slower than that is cut off and starts anew.
pub const LINK_DOWN_FRAMES: usize = 4_096;

/// Workloads that are there and of which nothing more is known yet that an activator is told to keep: those with bad
/// settings are few. They fit beside half of [`LINK_DOWN_FRAMES`], which is where an activator is told no more.
pub const LINK_STAYS: usize = 1_024;

/// Links that one autoscaler serves.
pub const LINKS: usize = 100_000;

/// How long after its start an autoscaler waits for pods to speak before it takes those that have not for gone: a list
/// that shrinks right after a gap is not believed.
pub const SYNC_AFTER: Duration = Duration::from_secs(10);

/// How long a pod that shows a token may be linked before the platform names it: a pod watch that broke is back within half
/// of this.
pub const LINK_STRANGER: Duration = Duration::from_secs(10);

/// Bytes of a request's body that an activator keeps to offer it to another pod; a larger one waits for the pod's
/// `100 Continue`.
pub const REPLAY_BYTES: usize = 16 << 10;

/// How long a request that may be refused waits at a pod for a slot: about as long as it would take to come back.
pub const MAY_REFUSE_WAIT: Duration = Duration::from_millis(20);

/// One request that may be refused may wait at a pod for each this many slots, and at least one.
pub const SLOTS_PER_MAY_REFUSE_PLACE: u32 = 10;

/// Numbers that one Link gives to those who report and their workloads, so that a report need not name them; with more,
/// the oldest number is given anew.
pub const LINK_NAMES: usize = 65_536;

/// Pods in one frame of a Link; more go in several. About 300 bytes each, they stay well below [`LINK_FRAME_BYTES`].
pub const LINK_PODS_A_FRAME: usize = 1_024;

/// Bytes that a Link keeps to put the pieces of a frame together; what a larger frame needed is given back.
pub const LINK_KEPT_BYTES: usize = 4 << 10;

/// How long a connection to a pod or an app may take to open before another is tried: they are near, and one whose
/// machine is gone does not answer at all.
pub const CONNECT_TIME: Duration = Duration::from_secs(2);

/// How long a body waits for a pod's `100 Continue`. Who does not know of it would wait for the body for ever (RFC 9110,
/// 10.1.1).
pub const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// How long a reporter keeps reports to send them (again): a stable window's worth.
pub const LINK_KEPT_TIME: Duration = Duration::from_secs(60);

/// What an autoscaler may choose as heartbeat; less would be noise, more would hide the dead.
pub const LINK_HEARTBEATS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// Bytes of frames that a reporter hands to HTTP/2 at once: one DATA frame.
pub const LINK_WRITE_BYTES: usize = 16 << 10;

/// How long a reporter that ends may take to say its last; longer, and it would keep its pod from ending.
pub const LINK_LAST_WORDS: Duration = Duration::from_secs(1);

/// Reporters say what a whole second brought within this time after it, each at a moment of its own, so that an
/// autoscaler is not told everything at once; it decides 50 ms after the second.
pub const LINK_SPREAD: Duration = Duration::from_millis(20);

/// Addresses of one name that a reporter tries before it resolves the name again.
pub const LINK_ADDRESSES: usize = 8;

/// How long the rest of a body may take to arrive whose request has its answer already; after that its connection is
/// closed. A client that sends before it reads gets a few megabytes through in this time, also from afar.
pub const UNREAD_TIME: Duration = Duration::from_secs(5);

/// How long such a body may take to begin that its client offered to send when asked: one that did not wait has sent some
/// of it by now, and one that waits sends none.
pub const UNREAD_FIRST: Duration = Duration::from_millis(200);

/// Bytes of such a body that are read and forgotten; after that its connection is closed. More than any socket buffers:
/// whoever sends more than that without a look at the answer must do without it.
pub const UNREAD_BYTES: usize = 16 << 20;

/// How often manifest files are looked at for edits. An edit that looks the same twice is applied: within half a second.
pub const EDIT_POLL: Duration = Duration::from_millis(250);

/// Manifests of one directory: more is no directory of manifests.
pub const MANIFEST_FILES: usize = 1_000;

/// How long a pod of which no start was ever measured counts as on its way: slow starters take half of that.
pub const START_UNKNOWN: Duration = Duration::from_secs(60);

/// Moments of a reporter's line that are remembered to tell how long its requests have waited: one a second for a
/// minute.
pub const LINE_MOMENTS: usize = 60;

/// Wakes of one workload that `explain` tells of.
pub const WAKES_EXPLAINED: usize = 8;

/// Pods of all workloads whose start is remembered until they are ready or gone: more start at once nowhere.
pub const STARTS_KEPT: usize = 16_384;

/// Nodes of YAML in one manifest file: ten thousand workloads with fifty thousand listed pods.
pub const MANIFEST_NODES: usize = 1_500_000;

/// How long a Link that broke is waited for before its pod counts as starting again and its counts as missing: a few
/// tries of a reporter, so that a connection that is merely reset changes nothing.
pub const LINK_BACK_WITHIN: Duration = Duration::from_secs(1);

/// How long a file that lists pods may have changed unseen, where the operating system does not tell.
pub const FILE_POLL: Duration = Duration::from_millis(200);

/// Changes of scale and wakes that may wait to be made spans of, while a collector is slow: minutes of a busy town.
pub const SPANS_TOLD: usize = 1_024;

/// Spans that go to a collector at once: as many as in OpenTelemetry's own batches.
pub const SPANS_BATCH: usize = 512;

/// How long a span waits for others to go with it, and a batch that did not get through before it is sent again.
pub const SPANS_DELAY: Duration = Duration::from_secs(1);

/// How long a collector may take for a batch: it is near, or it has an agent that is.
pub const SPANS_SEND_TIME: Duration = Duration::from_secs(5);

/// How often a batch is sent before it is given up: a collector that restarts loses nothing.
pub const SPANS_TRIES: u32 = 3;

/// Bytes of a collector's answer that are read: it says how many spans it did not take, and why.
pub const SPANS_ANSWER_BYTES: usize = 64 << 10;

/// How often it is looked whether the first answers of wakes have begun; while none is awaited, never.
pub const SPANS_POLL: Duration = Duration::from_millis(100);

/// How long the spans of a wake wait for its first answer before they go without: as long as an app may take to begin
/// one unless it is told otherwise.
pub const SPANS_FIRST_BYTE: Duration = Duration::from_secs(300);

/// How long a process that ends waits for a collector to take its last spans.
pub const SPANS_LAST_WORDS: Duration = Duration::from_secs(2);

/// Workloads of which an activator missed news because it reads slowly, and pods that ended meanwhile: all of ten thousand
/// workloads with ten pods each. With more its Link is cut off, and it hears everything anew.
pub const LINK_MISSED: usize = 131_072;

/// What reporters said that the autoscaler takes in at one go: enough that the rest of its loop does not matter, little
/// enough that what the platform says need not wait for long.
pub const FRAMES_A_TURN: usize = 256;

/// Reports of one Link that are acknowledged together: nobody waits for it, and waking two processes for each report of
/// each pod would cost as much as the reports. Fewer are when something else is said, or a heartbeat is due.
pub const LINK_ACK_EVERY: usize = 64;

/// Bytes of the names of one reporter and its workload: Kubernetes's longest four fit (63 for a namespace, 253 for any
/// other), and what one Link makes an autoscaler remember stays below 64 MiB.
pub const LINK_NAME_BYTES: usize = 1 << 10;

/// Bytes of the token with which a reporter says who it is: Kubernetes's have about a thousand, and less than four with
/// the longest names and keys.
pub const LINK_TOKEN_BYTES: usize = 8 << 10;

/// How long what a reporter said of its clock is believed before later sayings replace it: a clock that stood still with
/// its machine is known to be behind after this, and a network that is slow for a moment does not matter.
pub const LINK_CLOCK_KEPT: Duration = Duration::from_secs(30);

/// How far ahead of the autoscaler's clock a report may end: clocks that are corrected by whole seconds are less than one
/// apart, and load of the future would be counted once it is there.
pub const REPORT_AHEAD: Duration = Duration::from_secs(2);

/// How long a draining pod that only activators use serves on: by then each has heard that it goes.
pub const DRAIN_ACTIVATORS: Duration = Duration::from_secs(1);

/// How long a draining pod waits for activators to close their connections, so that it cuts none on which a request is
/// coming: they do as soon as they hear that it goes, and one that does not hear closes what it did not use within one and
/// a half [`IDLE_UPSTREAM_TIME`].
pub const DRAIN_KEPT: Duration = Duration::from_secs(8);

/// How long an app's preStop hook waits for the pod's own end, where that does not come with it: after it, only the app is
/// restarted. Both are told at the same time, by a kubelet that may have to wait for a busy machine.
pub const DRAIN_HOOK: Duration = Duration::from_secs(5);

/// How long a connection that is open when its listener closes may take to begin its first request, and as long again for
/// the rest of its head: who connects writes at once.
pub const LAST_REQUEST: Duration = Duration::from_secs(1);

/// How long an activator that ends waits for its port to be quiet, unless it was told to wait longer: load balancers have
/// learned of it by then, and those that only look whether the port is open never will.
pub const LEAVE_QUIET: Duration = Duration::from_secs(60);

/// Answers that wait to be written to an autoscaler: one for each door there may be, and then some.
pub const LINK_ANSWERS: usize = 32_768;

/// Doors of one activator: as many as there are ports for them.
pub const DOORS: usize = 20_000;

/// How often an activator tries again to open a door whose port it could not have.
pub const DOOR_RETRY: Duration = Duration::from_secs(5);

/// How long a door is open that no slice leads to any more: nodes' proxies take in within about a second what slices say.
pub const DOOR_LINGER: Duration = Duration::from_secs(10);

/// How long the port of a door that nobody needs any more is not given to another workload: no node's proxy, and no
/// client's idle connection, remembers it for as long.
pub const DOOR_REST: Duration = Duration::from_secs(600);

/// How often a reporter tells how long requests took, if there were any.
pub const LATENCY_EVERY: Duration = Duration::from_secs(10);

/// Requests that took less than this are not told apart: 2^16 ns, so that similar durations are put together by their bits.
pub const LATENCY_LEAST: Duration = Duration::from_nanos(1 << 16);

/// Requests that took more than this are counted as if they had taken this long.
pub const LATENCY_MOST: Duration = Duration::from_secs(3600);

/// Durations in one histogram on a Link. There are 363 between [`LATENCY_LEAST`] and [`LATENCY_MOST`], each a sixteenth
/// from the next or less; what is longer is none of ours.
pub const LATENCY_BUCKETS: usize = 512;

/// Histograms and wakes that wait to be written to the autoscaler, while one listens: one of each of ten thousand busy
/// workloads. The oldest go first.
pub const LATENCY_FRAMES: usize = 16_384;

/// How long after a wake an activator waits for its first answer before it tells the autoscaler without: most apps begin
/// one sooner, and whoever looks why a wake took long does not want to wait for it.
pub const WAKE_ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How long after a pod became ready an autoscaler waits for an activator to tell of the wake before it makes an event of
/// it without: [`WAKE_ANSWERED_WITHIN`], and two of the seconds after each of which activators look.
pub const WAKE_TOLD_WITHIN: Duration = Duration::from_secs(7);

/// What a pod's grace period has beyond its draining: for the last answer, the end of the app and the last report.
pub const DRAIN_LAST_MOMENTS: Duration = Duration::from_secs(5);
