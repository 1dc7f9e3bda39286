//! Where Rouse runs: in memory (for tests) and on one machine; and the `rouse` command.

pub mod admin;
pub mod ask;
pub mod calls;
pub mod drive;
pub mod exposition;
pub mod files;
pub mod flag;
mod fleet;
pub mod link;
pub mod local;
pub mod log;
pub mod memory;
pub mod narrate;
pub mod pod;
pub mod run;
pub mod sample;
