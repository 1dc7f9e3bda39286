//! KEDA's external scalers: gRPC between KEDA, or a [source](crate::sources) of ours, and whoever counts something.
//!
//! `messages` is what is said, for either side. The rest is Rouse as such a scaler: a KEDA installation scales on the requests
//! that Rouse counts, by a trigger of the type `external`, or `external-push`, which wakes at once. [`Port`] is where it
//! asks, `asked` what its trigger's metadata mean, `answers` what it gets, out of what is [`Counted`]. It is told of edges
//! only: a frame when a workload becomes busy or is no more, and none in between.
//!
//! The autoscaler serves it, for it alone has the sum: of a workload's requests each activator and each pod knows its own,
//! and KEDA asks at one address.

#[cfg(feature = "external-scaler")]
mod answers;
#[cfg(feature = "external-scaler")]
mod asked;
mod counted;
#[cfg(feature = "grpc")]
pub(crate) mod messages;
#[cfg(not(feature = "external-scaler"))]
mod off;
#[cfg(feature = "external-scaler")]
mod server;

pub use self::counted::Counted;
#[cfg(not(feature = "external-scaler"))]
pub use self::off::Port;
#[cfg(feature = "external-scaler")]
pub use self::server::Port;
