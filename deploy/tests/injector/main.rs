//! The injector as an apiserver meets it: the authority that it shares, the port that it serves, and the real command.

mod apiserver;
mod authority;
mod caller;
mod command;
mod webhook;
