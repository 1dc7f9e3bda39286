//! A number read elsewhere that asks for pods: KEDA's triggers, and how they scale.
//!
//! No I/O and no clock: what servers answer comes in, numbers and reasons go out.
//!
//! | step | module |
//! | --- | --- |
//! | what a trigger's parameters mean | [`metadata`] |
//! | what a server's answer means | [`measure`], [`Reading`] |
//! | what stands in for one that fails | [`fallback`] |
//! | one number of several | [`modifiers`] |
//! | whether there are pods at all | [`phase`] |
//! | how many | [`hpa`] |
//! | all of it for one ScaledObject, over time | [`object`] |
//! | how many Jobs for a ScaledJob | [`jobs`] |
//!
//! To the number as KEDA and Kubernetes compute it (`tests/vectors/keda.json`), but for what `KEDA.md` lists.

pub mod fallback;
pub mod hpa;
pub mod jobs;
pub mod measure;
pub mod metadata;
mod milli;
pub mod modifiers;
pub mod names;
pub mod object;
pub mod phase;
mod reading;

pub use self::milli::Milli;
pub use self::reading::Reading;
