//! One pod's front: count, limit, forward, probe, drain, report.
//!
//! The same library stands in front of a pod as the `queue-proxy` binary (beside every pod on Kubernetes) and inside
//! `rouse` (on one machine, without an extra hop). The activator is built from the same parts.

pub mod admin;
pub mod alarm;
pub mod answer;
pub mod body;
pub mod clock;
pub mod count;
pub mod deadline;
pub mod drain;
pub mod forward;
mod forwarded;
pub mod front;
pub mod gate;
pub mod handler;
pub mod headers;
pub mod link;
pub mod metrics;
pub mod net;
pub mod peer;
mod preface;
pub mod probe;
pub mod probe_json;
pub mod recorder;
pub mod replay;
pub mod serve;
pub mod settings;
mod spare;
mod stall;
mod unread;
pub mod upstream;
mod way;

pub use alarm::Alarm;
pub use answer::{Form, Refusal};
pub use body::{Body, BodyError};
pub use clock::Clock;
pub use count::Counter;
pub use deadline::{Deadlines, Timeouts};
pub use drain::Drain;
pub use forward::{Cause, NotForwarded, Recipient, offer};
pub use front::{Counted, Front};
pub use gate::{Admission, Gate, LineFull, Refused};
pub use handler::Handler;
pub use peer::{Direct, Peer};
pub use recorder::Recorder;
pub use replay::Outgoing;
pub use serve::Connections;
pub use unread::let_go;
pub use upstream::Upstream;
