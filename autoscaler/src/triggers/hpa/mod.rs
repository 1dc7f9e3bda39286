//! From one pod to many: the arithmetic of Kubernetes' HorizontalPodAutoscaler, to the number, and on to zero.
//!
//! A metric and its target [propose](propose()) a number of pods; of several the largest is taken ([`combine`]); an
//! [`Hpa`] remembers what was recommended and what was changed, and says what that leaves of the proposal: the
//! stabilization windows, the policies of `behavior`, the bounds. Source: `pkg/controller/podautoscaler/horizontal.go`.

mod events;
mod proposal;
mod recommended;
mod step;

pub use self::proposal::{Combined, Pods, Target, Tolerance, combine, propose};
pub use self::step::{Hpa, Settings, Step};
