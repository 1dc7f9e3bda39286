//! Wakes and changes of scale as OpenTelemetry's spans, sent to a collector by OTLP over HTTP (protobuf).
//! `SPANS.md` is the list.
//!
//! `told` is what happened, on its way through a bounded queue; `trace` makes spans of it; `carry` sends them in batches;
//! `collector` is who takes them. A queue that is full, or a collector that takes nothing, loses spans, which are
//! counted; nobody waits for either.
//!
//! All of it is behind the feature `otel`. Without it this module has the same types, which do nothing, and no URL is an
//! [`Endpoint`].

#[cfg(feature = "otel")]
mod carry;
#[cfg(feature = "otel")]
mod collector;
#[cfg(not(feature = "otel"))]
mod off;
#[cfg(feature = "otel")]
mod told;
#[cfg(feature = "otel")]
mod trace;

#[cfg(feature = "otel")]
pub use carry::{Carrying, open};
#[cfg(feature = "otel")]
pub use collector::Endpoint;
#[cfg(not(feature = "otel"))]
pub use off::{Carrying, Endpoint, Spans, open};
#[cfg(feature = "otel")]
pub use told::Spans;
