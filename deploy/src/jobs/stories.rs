//! ScaledJobs in virtual time: what sources say becomes Jobs, and Jobs end as they should.

mod counts;
mod edits;
mod ends;
mod world;
