//! Stories of pods: of their shim, as processes, and in memory.

mod fleet;
mod heard;
mod jobs;
mod local;
mod shim;
