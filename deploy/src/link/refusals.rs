//! Reporters that are not served: each is counted, and now and then one is told of.

use std::collections::HashMap;
use std::time::Duration;

use config::link::Reporter;
use metrics::counter;
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::unwelcome::Unwelcome;
use crate::exposition;

/// How long after a refusal was told of another one for the same reason is only counted: whoever is refused comes again
/// each second.
const QUIET: Duration = Duration::from_secs(30);

/// When a refusal was last told of, by its reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<&'static str, Told>>);

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Instant,
    /// Refusals since.
    since: u64,
}

impl Refusals {
    /// Somebody was refused.
    pub(crate) fn note(&self, reporter: &Reporter, why: &Unwelcome) {
        counter!(exposition::LINKS_REFUSED, "reason" => why.word()).increment(1);
        let who = match reporter {
            // Quoted: whoever is refused may call itself anything.
            Reporter::Pod(id) => format!("the pod {:?}", id.as_str()),
            Reporter::Activator(name) => format!("the activator {name:?}"),
        };
        if why.is_early() {
            debug!("{who} is not served: {why}");
        } else if let Some(more) = self.is_told(Instant::now(), why.word()) {
            warn!("{who} is not served: {why} ({more} more since this was last said)");
        }
    }

    /// Whether a refusal for this reason is to be told of now, and how many there were since the last that was.
    fn is_told(&self, now: Instant, reason: &'static str) -> Option<u64> {
        let mut told = self.0.lock();
        let last = told.get(reason).copied();
        if let Some(last) = last.filter(|last| now < last.at + QUIET) {
            told.insert(reason, Told { since: last.since + 1, ..last });
            return None;
        }
        told.insert(reason, Told { at: now, since: 0 });
        Some(last.map_or(0, |last| last.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_for_one_reason_one_in_half_a_minute_is_told_of_and_the_rest_are_summed_up() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let told = |second| refusals.is_told(start + Duration::from_secs(second), "gone");
        assert_eq!((0..90).filter_map(told).collect::<Vec<_>>(), [0, 29, 29]);
        assert_eq!(refusals.is_told(start, "expired"), Some(0), "another reason is told of by itself");
    }
}
