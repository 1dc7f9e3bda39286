//! Without the feature `otel`: nothing is told to anyone.

use std::str::FromStr;

use config::{Reason, Time, WorkloadId};
use queue_proxy::Clock;

use crate::wakes::Woken;

/// A collector's address: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(_: &str) -> Result<Endpoint, &'static str> {
        Err("this rouse was built without the feature otel")
    }
}

/// Nobody to tell.
#[derive(Clone, Debug, Default)]
pub struct Spans;

impl Spans {
    /// A workload is given another number of pods.
    pub fn scaled(&self, _workload: &WorkloadId, _from: u32, _to: u32, _why: &Reason, _at: Time) {}

    /// A wake is over but for its first answer.
    pub fn woke(&self, _woken: &Woken) {}
}

/// Nothing to carry.
#[derive(Debug)]
pub struct Carrying;

impl Carrying {
    /// Over at once.
    pub async fn finish(self) {}
}

/// Opens nothing.
///
/// # Errors
/// None.
pub fn open(endpoint: Option<&Endpoint>, _clock: Clock) -> anyhow::Result<(Spans, Carrying)> {
    match endpoint {
        None => Ok((Spans, Carrying)),
        Some(never) => match *never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_is_an_endpoint_and_it_says_why() {
        let error = "http://127.0.0.1:4318".parse::<Endpoint>().unwrap_err();
        assert_eq!(error, "this rouse was built without the feature otel");
    }
}
