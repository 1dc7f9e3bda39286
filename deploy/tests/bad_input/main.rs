//! Bad input to the `rouse` command, each with the message that the user sees.

mod files;
mod identity;
mod ports;
mod rouse;
mod spans;
mod workloads;
