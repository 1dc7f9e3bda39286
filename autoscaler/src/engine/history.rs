//! The last decisions about one workload.

use std::collections::VecDeque;

use config::{Time, bounds};

use super::explain::Decided;
use crate::decide::{Outcome, Verdict};
use crate::reasons::Step;

/// The last decisions that differed from the one before. A decision that came out the same again costs no memory.
#[derive(Debug, Default)]
pub(super) struct History {
    newest: Option<Box<Newest>>,
    older: VecDeque<Older>,
}

#[derive(Debug)]
struct Newest {
    since: Time,
    times: u64,
    verdict: Verdict,
}

/// As above, with no more room than the steps need.
#[derive(Debug)]
struct Older {
    since: Time,
    times: u64,
    outcome: Outcome,
    steps: Box<[Step]>,
}

impl History {
    /// A decision was made.
    pub(super) fn record(&mut self, now: Time, verdict: Verdict) {
        if let Some(newest) = &mut self.newest {
            if is_same(&newest.verdict, &verdict) {
                newest.verdict = verdict;
                newest.times += 1;
                return;
            }
            let Newest { since, times, verdict } = **newest;
            let steps = verdict.trail.iter().copied().collect();
            self.older.truncate(bounds::DECISIONS_KEPT.saturating_sub(2));
            self.older.push_front(Older { since, times, outcome: verdict.outcome, steps });
        }
        self.newest = Some(Box::new(Newest { since: now, times: 1, verdict }));
    }

    /// Newest first, in words.
    pub(super) fn decided(&self, now: Time) -> Vec<Decided> {
        let seconds_ago = |since: Time| now.since(since).as_secs_f64();
        let newest = self.newest.iter().map(|kept| Decided {
            seconds_ago: seconds_ago(kept.since),
            times: kept.times,
            decision: kept.verdict.decision(),
        });
        let older = self.older.iter().map(|kept| Decided {
            seconds_ago: seconds_ago(kept.since),
            times: kept.times,
            decision: kept.outcome.decision(kept.steps.iter()),
        });
        newest.chain(older).collect()
    }
}

/// Whether the two come to the same by the same rule, whatever the numbers on the way.
fn is_same(a: &Verdict, b: &Verdict) -> bool {
    let rule = |verdict: &Verdict| verdict.trail.deciding().map(Step::rule);
    let outcome = |verdict: &Verdict| (verdict.outcome.desired, verdict.outcome.route, verdict.outcome.panicking);
    outcome(a) == outcome(b) && rule(a) == rule(b)
}
