//! Which Services are to be looked at, and when.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use config::{Time, bounds};

use super::service::ServiceId;

/// How looking at a Service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is as it is to be.
    Rests,
    /// It is to be looked at again after this time.
    Again(Duration),
    /// A write failed.
    Failed,
}

/// Services that wait to be looked at, each once: no more than there are. One is looked at by one at a time, and one whose
/// writes fail waits longer each time and keeps nobody else.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    queue: VecDeque<ServiceId>,
    queued: HashSet<ServiceId>,
    /// Those that are being looked at, and whether they are to be again.
    running: HashMap<ServiceId, bool>,
    /// Those that are to be looked at later.
    later: BTreeSet<(Time, ServiceId)>,
    due: HashMap<ServiceId, Time>,
    /// How often writes of each failed in a row.
    failures: HashMap<ServiceId, u32>,
}

impl Jobs {
    /// Something changed of the Service.
    pub(super) fn add(&mut self, id: &ServiceId) {
        if let Some(again) = self.running.get_mut(id) {
            *again = true;
        } else if !(self.failures.contains_key(id) && self.due.contains_key(id)) && self.queued.insert(id.clone()) {
            self.forget_due(id);
            self.queue.push_back(id.clone());
        }
    }

    /// The next one to look at, if as many as may be are not being looked at already.
    pub(super) fn next(&mut self, now: Time) -> Option<ServiceId> {
        while let Some((_, id)) = self.later.first().filter(|(at, _)| *at <= now).cloned() {
            self.forget_due(&id);
            if self.queued.insert(id.clone()) {
                self.queue.push_back(id);
            }
        }
        if self.running.len() >= bounds::ROUTE_JOBS {
            return None;
        }
        let id = self.queue.pop_front()?;
        self.queued.remove(&id);
        self.running.insert(id.clone(), false);
        Some(id)
    }

    /// When [`Jobs::next`] has something by itself.
    pub(super) fn due(&self) -> Option<Time> {
        self.later.first().map(|(at, _)| *at)
    }

    pub(super) fn ended(&mut self, id: &ServiceId, outcome: Outcome, now: Time) {
        let again = self.running.remove(id).unwrap_or(false);
        let after = match outcome {
            Outcome::Failed => {
                let failures = self.failures.entry(id.clone()).or_default();
                *failures += 1;
                Some(pause(*failures))
            }
            Outcome::Again(after) => Some(after),
            Outcome::Rests => None,
        };
        if outcome != Outcome::Failed {
            self.failures.remove(id);
        }
        if let Some(after) = after.filter(|_| !again || outcome == Outcome::Failed) {
            self.later.insert((now + after, id.clone()));
            self.due.insert(id.clone(), now + after);
        } else if again {
            self.add(id);
        }
    }

    fn forget_due(&mut self, id: &ServiceId) {
        if let Some(at) = self.due.remove(id) {
            self.later.remove(&(at, id.clone()));
        }
    }
}

/// Before the next try after so many failures: as for any other platform call.
fn pause(failures: u32) -> Duration {
    let doubled = bounds::PLATFORM_RETRY_FIRST.saturating_mul(1 << (failures - 1).min(16));
    doubled.min(bounds::PLATFORM_RETRY_SLOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ServiceId {
        ServiceId::new("shop", name)
    }

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn each_waits_once_and_what_changes_while_it_is_looked_at_is_looked_at_again() {
        let mut jobs = Jobs::default();
        ["a", "b", "a"].iter().for_each(|name| jobs.add(&id(name)));
        assert_eq!([jobs.next(at(0)), jobs.next(at(0)), jobs.next(at(0))], [Some(id("a")), Some(id("b")), None]);
        jobs.add(&id("a"));
        assert_eq!(jobs.next(at(0)), None, "one at a time");
        jobs.ended(&id("a"), Outcome::Rests, at(0));
        assert_eq!(jobs.next(at(0)), Some(id("a")));
        jobs.ended(&id("a"), Outcome::Rests, at(0));
        assert_eq!((jobs.next(at(0)), jobs.due()), (None, None));
    }

    #[test]
    fn one_whose_writes_fail_waits_longer_each_time_and_keeps_nobody_else() {
        let mut jobs = Jobs::default();
        let (mut now, mut pauses) = (at(0), Vec::new());
        jobs.add(&id("bad"));
        for _ in 0..9 {
            assert_eq!(jobs.next(now), Some(id("bad")));
            jobs.ended(&id("bad"), Outcome::Failed, now);
            jobs.add(&id("bad"));
            jobs.add(&id("good"));
            assert_eq!(jobs.next(now), Some(id("good")), "what changes meanwhile does not make it come earlier");
            jobs.ended(&id("good"), Outcome::Rests, now);
            let due = jobs.due().unwrap();
            pauses.push(due.since(now).as_millis());
            now = due;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        jobs.next(now);
        jobs.ended(&id("bad"), Outcome::Rests, now);
        jobs.add(&id("bad"));
        assert_eq!(jobs.next(now), Some(id("bad")));
        jobs.ended(&id("bad"), Outcome::Failed, now);
        assert_eq!(jobs.due().unwrap().since(now).as_millis(), 100);
    }

    #[test]
    fn one_that_is_to_be_looked_at_later_is_looked_at_earlier_when_something_changes() {
        let mut jobs = Jobs::default();
        jobs.add(&id("a"));
        jobs.next(at(0));
        jobs.ended(&id("a"), Outcome::Again(Duration::from_secs(1)), at(0));
        assert_eq!((jobs.next(at(999)), jobs.due()), (None, Some(at(1_000))));
        jobs.add(&id("a"));
        assert_eq!((jobs.next(at(999)), jobs.due()), (Some(id("a")), None));
        jobs.ended(&id("a"), Outcome::Again(Duration::from_secs(1)), at(999));
        assert_eq!(jobs.next(at(1_999)), Some(id("a")));
    }

    #[test]
    fn no_more_are_looked_at_at_once_than_may_be() {
        let mut jobs = Jobs::default();
        let ids: Vec<_> = (0..bounds::ROUTE_JOBS + 1).map(|number| id(&number.to_string())).collect();
        ids.iter().for_each(|id| jobs.add(id));
        assert_eq!(std::iter::from_fn(|| jobs.next(at(0))).count(), bounds::ROUTE_JOBS);
        jobs.ended(&ids[0], Outcome::Rests, at(0));
        assert_eq!(jobs.next(at(0)), ids.last().cloned());
    }
}
