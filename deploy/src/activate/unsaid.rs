//! Wakes, until the autoscaler is told of them: each waits for its first answer, for a while.

use std::collections::VecDeque;

use activator::Wake;
use config::link::{Reporter, Up};
use config::{Time, bounds};

use crate::narrate::Narrator;

/// Wakes of which the autoscaler does not know.
#[derive(Debug)]
pub(super) struct Unsaid {
    reporter: Reporter,
    /// At most [`bounds::WAKES_KEPT`]: the oldest are forgotten.
    wakes: VecDeque<Wake>,
}

impl Unsaid {
    /// None yet; they will be said by `reporter`.
    pub(super) fn new(reporter: Reporter) -> Unsaid {
        Unsaid { reporter, wakes: VecDeque::new() }
    }

    /// People are told of these at once, the autoscaler is later.
    pub(super) fn add(&mut self, wakes: Vec<Wake>, narrator: &mut Narrator) {
        for wake in wakes {
            narrator.woke(&wake);
            if self.wakes.len() == bounds::WAKES_KEPT {
                self.wakes.pop_front();
            }
            self.wakes.push_back(wake);
        }
    }

    /// Moves those whose first answer began, or that have waited for it for [`bounds::WAKE_ANSWERED_WITHIN`], to `due`.
    pub(super) fn take(&mut self, now: Time, due: &mut Vec<Up>) {
        let Unsaid { reporter, wakes } = self;
        wakes.retain(|wake| {
            let waits = wake.first_byte.get().is_none() && now < wake.released_at + bounds::WAKE_ANSWERED_WITHIN;
            if !waits {
                due.push(woke(reporter, wake));
            }
            waits
        });
    }
}

fn woke(reporter: &Reporter, wake: &Wake) -> Up {
    Up::Woke {
        reporter: reporter.clone(),
        workload: wake.workload.clone(),
        held_at: wake.held_at,
        released_at: wake.released_at,
        requests: u32::try_from(wake.requests).unwrap_or(u32::MAX),
        first_byte: wake.first_byte.get().copied(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    fn wake(released: f64) -> Wake {
        let (held_at, released_at) = (at(1.0), at(released));
        Wake { workload: "hello".parse().unwrap(), held_at, released_at, requests: 2, first_byte: Arc::default() }
    }

    #[test]
    fn a_wake_is_said_once_its_first_answer_began_or_when_that_takes_too_long() {
        let (mut unsaid, mut due) = (Unsaid::new(Reporter::Activator("a".into())), Vec::new());
        let (answered, slow) = (wake(2.0), wake(2.5));
        unsaid.add(vec![answered.clone(), slow.clone()], &mut Narrator::default());
        unsaid.take(at(3.0), &mut due);
        assert!(due.is_empty());
        answered.first_byte.set(at(3.5)).unwrap();
        unsaid.take(at(4.0), &mut due);
        let said = |wake| woke(&Reporter::Activator("a".into()), wake);
        assert_eq!(due, [said(&answered)]);
        unsaid.take(at(7.4), &mut due);
        assert_eq!(due.len(), 1, "each is said once");
        unsaid.take(at(7.5), &mut due);
        assert!(matches!(due[1], Up::Woke { first_byte: None, requests: 2, .. }), "{due:?}");
        assert!(unsaid.wakes.is_empty());

        unsaid.add(vec![wake(9.0); 2 * bounds::WAKES_KEPT], &mut Narrator::default());
        assert_eq!(unsaid.wakes.len(), bounds::WAKES_KEPT);
    }
}
