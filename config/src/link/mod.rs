//! The frames of the Link: the two-way stream that a reporter keeps to the autoscaler.
//!
//! On one machine the frames travel through bounded channels of one process. Between processes [`Encoder`] and
//! [`Decoder`] put them on the wire; frames that a side does not know are skipped, so that a reporter one version older
//! or newer works.

mod convert;
mod decoder;
mod encoder;
mod names;
mod token;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

pub use decoder::Decoder;
pub use encoder::{Encoder, TooLong};
pub use token::{Token, TokenError};

use crate::{Failure, Latency, Mode, Pod, PodId, PodState, Report, Serving, Time, WorkloadId};

/// What is asked of an autoscaler to open a Link: one HTTP/2 stream, whose request carries [`Up`] frames and whose
/// response carries [`Down`] frames.
pub const PATH: &str = "/rouse.v1.Link/Connect";

/// The content type of both directions.
pub const CONTENT_TYPE: &str = "application/vnd.rouse.link";

/// Why what arrived is no Link. The connection that it came on is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A frame says it is longer than any that is sent.
    #[error("a frame of {0} bytes")]
    TooLong(u64),
    /// The bytes of a frame do not parse.
    #[error("a frame that is none")]
    Malformed,
    /// A frame uses a number that was not declared, or declares one out of order.
    #[error("the number {0}, which stands for nothing")]
    Undeclared(u32),
    /// Names are longer than [`crate::bounds::LINK_NAME_BYTES`].
    #[error("names of {0} bytes")]
    LongName(usize),
    /// The token of its `Hello` is longer than [`crate::bounds::LINK_TOKEN_BYTES`].
    #[error("a token of {0} bytes")]
    LongToken(usize),
}

/// Who reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reporter {
    /// The queue-proxy of this pod.
    Pod(PodId),
    /// The activator of this name.
    Activator(std::sync::Arc<str>),
}

/// From a reporter to the autoscaler.
#[derive(Clone, Debug, PartialEq)]
pub enum Up {
    /// The first frame. A queue-proxy says it as soon as it runs: the earliest that anyone can know its address.
    Hello {
        /// Who speaks.
        reporter: Reporter,
        /// Drawn once by each process, so that a reporter that came back is told from one that was restarted: the
        /// numbers of its reports start anew.
        incarnation: u64,
        /// The workload it serves; an activator serves all. A pod that does not know leaves it to the autoscaler, which
        /// names it in [`Down::Settings`].
        workload: Option<WorkloadId>,
        /// Where it serves.
        address: SocketAddr,
        /// What time it is there: clocks differ between machines.
        at: Time,
        /// Shows that it is who it says.
        token: Option<Token>,
    },
    /// How the pod is, by its own probe and drain. Said after `Hello` and at each change.
    State {
        /// Which pod.
        pod: PodId,
        /// How it is: starting, ready or draining.
        state: PodState,
    },
    /// Nothing is new; the Link lives.
    Heartbeat {
        /// What time it is there.
        at: Time,
    },
    /// What one counter of the reporter saw in one interval.
    Report {
        /// Who speaks.
        reporter: Reporter,
        /// Whose load it is.
        workload: WorkloadId,
        /// What was seen.
        report: Report,
    },
    /// The reporter has nothing left of this workload and says no more of it.
    Left {
        /// Who speaks.
        reporter: Reporter,
        /// Whose load it was.
        workload: WorkloadId,
    },
    /// From an activator: what became of a [`Down::Door`]. Said on the connection on which the door was asked for, and
    /// never again: on the next one it is asked for anew.
    Door {
        /// Whose door it is.
        workload: WorkloadId,
        /// On which port.
        port: u16,
        /// Why nothing listens there; none when connections are accepted.
        error: Option<String>,
    },
    /// From an activator that was told to end: clients are to be sent elsewhere. It serves all who still come. Said on
    /// every connection from then on.
    Leaving,
    /// How long requests took since the reporter last said so: every [`crate::bounds::LATENCY_EVERY`] if there were any.
    /// Said once, for no decision depends on it: it is neither acknowledged nor said again.
    Latency {
        /// Who speaks.
        reporter: Reporter,
        /// Whose requests they were.
        workload: WorkloadId,
        /// What was seen.
        latency: Latency,
    },
    /// From an activator: requests found no ready pod, waited, and were handed to one. Said once the first answer began,
    /// or after [`crate::bounds::WAKE_ANSWERED_WITHIN`]; as [`Up::Latency`], it is not said again.
    Woke {
        /// Who speaks.
        reporter: Reporter,
        /// Whose requests they were.
        workload: WorkloadId,
        /// When the first of them began to wait.
        held_at: Time,
        /// When the first was handed to a pod.
        released_at: Time,
        /// How many waited then.
        requests: u32,
        /// When the first answer began, if it has.
        first_byte: Option<Time>,
    },
}

/// From the autoscaler to a reporter.
#[derive(Clone, Debug, PartialEq)]
pub enum Down {
    /// The answer to `Hello`.
    Welcome {
        /// Drawn once by each autoscaler: of one that the reporter has not met before it wants all that is kept, for it
        /// has no windows yet; else only what was not acknowledged.
        incarnation: u64,
        /// A side that has said nothing for this long sends a heartbeat; one that has said nothing for
        /// [`crate::bounds::LINK_DEAD_AFTER`] times as long is dead.
        heartbeat: Duration,
    },
    /// Nothing is new; the Link lives.
    Heartbeat,
    /// All reports up to this one arrived; the reporter may forget them.
    Ack {
        /// The last report's number.
        seq: u64,
    },
    /// How the workload is to be served and reported from now on. A pod whose `Hello` named no workload serves this one.
    Settings {
        /// Whose settings.
        workload: WorkloadId,
        /// Limits and timeouts.
        serving: Serving,
        /// In flight + waiting above which a report is due at once.
        watermark: u32,
    },
    /// Turn clients that come directly away from this pod without failing any: `Connection: close`, GOAWAY.
    Leave {
        /// Which pod.
        pod: PodId,
    },
    /// To activators: the workload is new, or is served otherwise than before.
    Workload {
        /// Which workload.
        workload: WorkloadId,
        /// Limits and timeouts.
        serving: Serving,
        /// Which algorithms serve it.
        mode: Mode,
        /// The host names it answers to.
        hosts: Vec<String>,
    },
    /// To activators: the workload is no more.
    WorkloadGone {
        /// Which workload.
        workload: WorkloadId,
    },
    /// To activators: the workload is there, and the autoscaler knows nothing more of it yet, but perhaps its pods. What
    /// an activator knew of it stays in use, and of its pods if [`Down::Pods`] names none; one that does not know it need
    /// not.
    Stays {
        /// Which one.
        workload: WorkloadId,
    },
    /// To activators: all that the autoscaler knows was said. A workload or pod that was not named since `Welcome` is
    /// no more. Until this comes, what an activator knew before stays in use.
    Synced,
    /// To activators: how the pods of a workload changed.
    Pods {
        /// Whose pods.
        workload: WorkloadId,
        /// Each pod that is new or changed; one that is [`crate::PodState::Gone`] is removed.
        pods: Vec<Pod>,
        /// Why there can be no ready pod, if that is so: holds end early.
        failure: Option<Failure>,
        /// When the platform saw it.
        at: Time,
    },
    /// To activators: listen on this port for requests to this workload and no other, or listen for it no more. Answered
    /// with [`Up::Door`] if there is a port, also when it was open before.
    Door {
        /// Whose door it is.
        workload: WorkloadId,
        /// On which port; none closes it.
        port: Option<u16>,
    },
}
