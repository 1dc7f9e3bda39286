//! KEDA's external scalers: gRPC between KEDA, or a [source](crate::sources) of ours, and whoever counts something.
//! `messages` is what is said, for either side.

pub(crate) mod messages;
