//! How many Jobs there are: those that are seen, and those that were created and are not seen yet.

use std::collections::{BTreeMap, BTreeSet};

use config::{Time, bounds};

/// How far a Job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It runs, but none of its pods does (or, with `pendingPodConditions`, none has all of those conditions).
    Pending,
    /// One of its pods runs, or has done its work.
    Running,
    /// It is complete, or has failed.
    Ended,
}

/// One Job as a watch shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// Its name.
    pub name: &'a str,
    /// How far it is.
    pub state: JobState,
}

/// What the strategies count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that have not ended, pending ones included.
    pub running: u32,
    /// Those of them that are pending.
    pub pending: u32,
}

/// The Jobs of one ScaledJob.
///
/// A watch is behind: a Job that was created a moment ago is not seen yet, and would be created again for the same
/// message. So what was created counts as pending until it is seen, or until it is too long ago.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    expected: BTreeMap<String, Time>,
}

impl Observed {
    /// A Job was created at `now`.
    pub fn created(&mut self, name: &str, now: Time) {
        if self.expected.len() < bounds::JOBS_EXPECTED {
            self.expected.insert(name.to_owned(), now);
        }
    }

    /// A Job that [`Observed::created`] told of was not created after all.
    pub fn refused(&mut self, name: &str) {
        self.expected.remove(name);
    }

    /// Those of which `is_seen` is so are seen, and are not expected when they are gone again.
    pub fn see(&mut self, is_seen: impl Fn(&str) -> bool) {
        self.expected.retain(|name, _| !is_seen(name));
    }

    /// Whether no Job is expected.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// How many Jobs there are, of which `seen` are seen.
    pub fn counts(&mut self, seen: &[Job<'_>], now: Time) -> Counts {
        let names: BTreeSet<&str> = seen.iter().map(|job| job.name).collect();
        self.expected.retain(|name, at| !names.contains(name.as_str()) && now.since(*at) < bounds::JOB_EXPECTED_TIME);
        let unseen = self.expected.len() as u32;
        let of = |state| seen.iter().filter(|job| job.state == state).count() as u32;
        let pending = of(JobState::Pending) + unseen;
        Counts { running: of(JobState::Running) + pending, pending }
    }

    /// How many more may be created before what was created has to be seen.
    pub fn room(&self) -> usize {
        bounds::JOBS_EXPECTED - self.expected.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_created_counts_before_it_is_seen_and_once() {
        let mut jobs = Observed::default();
        jobs.created("a", Time::ZERO);
        jobs.created("b", Time::ZERO);
        let running = |name| Job { name, state: JobState::Running };
        assert_eq!(jobs.counts(&[], Time::ZERO), Counts { running: 2, pending: 2 });
        assert_eq!(jobs.counts(&[running("a")], Time::ZERO), Counts { running: 2, pending: 1 });
        // It is gone again: seen once, it is not expected any more.
        assert_eq!(jobs.counts(&[], Time::ZERO), Counts { running: 1, pending: 1 });
    }

    #[test]
    fn what_was_refused_or_seen_is_not_expected_any_more() {
        let mut jobs = Observed::default();
        ["a", "b", "c"].into_iter().for_each(|name| jobs.created(name, Time::ZERO));
        jobs.refused("a");
        jobs.see(|name| name == "b");
        assert_eq!(jobs.counts(&[], Time::ZERO), Counts { running: 1, pending: 1 });
        jobs.see(|_| true);
        assert!(jobs.is_empty());
    }

    #[test]
    fn what_never_shows_is_given_up() {
        let mut jobs = Observed::default();
        jobs.created("a", Time::ZERO);
        let late = Time::ZERO + bounds::JOB_EXPECTED_TIME;
        assert_eq!(jobs.counts(&[], late), Counts::default());
    }
}
