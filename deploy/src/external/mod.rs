//! KEDA's external scalers: gRPC between KEDA, or a [source](crate::sources) of ours, and whoever counts something.
//!
//! `messages` is what is said, for either side. `asked` and `answers` are Rouse as such a scaler: a KEDA installation scales
//! on the requests that Rouse counts (`server` is the port), by a trigger of the type `external`, or `external-push`, which
//! wakes at once. It is told of edges only: a frame when a workload becomes active or idle, and none in between.

#[cfg(feature = "external-scaler")]
mod answers;
#[cfg(feature = "external-scaler")]
mod asked;
pub(crate) mod messages;
#[cfg(feature = "external-scaler")]
mod server;

#[cfg(feature = "external-scaler")]
pub use self::answers::{Load, Queries, Query};
#[cfg(feature = "external-scaler")]
pub use self::server::serve;
