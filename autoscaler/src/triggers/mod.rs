//! Scaling on what is counted elsewhere: KEDA's triggers.

pub mod metadata;
