//! Who has been linked: what was heard of whom, so that nothing is counted twice, and for how long it is remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use config::link::Reporter;
use config::{Time, bounds};
use parking_lot::Mutex;

use super::outlet::Outlet;

/// The number of one link; never used again.
pub(crate) type LinkNumber = u64;

/// The last report that was taken in of one incarnation of a reporter.
pub(crate) type LastSeq = Arc<Mutex<u64>>;

/// Everyone who is linked, or was until a little while ago.
#[derive(Debug, Default)]
pub(crate) struct Reporters {
    known: HashMap<Reporter, Record>,
    linked: usize,
    /// Links that broke, the first to break first. An entry whose reporter came back is stale.
    broken: VecDeque<Broken>,
    /// Those that did not come back, to be forgotten.
    lost: VecDeque<Broken>,
}

#[derive(Debug)]
struct Record {
    incarnation: u64,
    last_seq: LastSeq,
    number: LinkNumber,
    /// What goes to it, while it is linked.
    outlet: Option<Arc<Outlet>>,
}

#[derive(Debug)]
struct Broken {
    at: Time,
    reporter: Reporter,
    number: LinkNumber,
}

/// How a reporter is met.
#[derive(Debug)]
pub(crate) struct Met {
    /// Of this incarnation.
    pub(crate) last_seq: LastSeq,
    /// Whether this process was never linked to this incarnation, or forgot it.
    pub(crate) is_new: bool,
}

impl Reporters {
    /// How many are linked now.
    pub(crate) fn linked(&self) -> usize {
        self.linked
    }

    /// Whether the reporter is linked now.
    pub(crate) fn is_linked(&self, reporter: &Reporter) -> bool {
        self.known.get(reporter).is_some_and(|known| known.outlet.is_some())
    }

    /// Whether this link is the reporter's newest.
    pub(crate) fn is_seated(&self, number: LinkNumber, reporter: &Reporter) -> bool {
        self.known.get(reporter).is_some_and(|known| known.number == number)
    }

    /// A link opens. One that the reporter had before is cut off.
    pub(crate) fn open(
        &mut self,
        reporter: &Reporter,
        incarnation: u64,
        number: LinkNumber,
        outlet: Arc<Outlet>,
    ) -> Met {
        self.linked += 1;
        let before = self.known.remove(reporter);
        if let Some(before) = before.as_ref().and_then(|before| before.outlet.as_ref()) {
            before.close();
            self.linked -= 1;
        }
        let same = before.filter(|before| before.incarnation == incarnation);
        let is_new = same.is_none();
        let last_seq = same.map(|before| before.last_seq).unwrap_or_default();
        let known = Record { incarnation, last_seq: Arc::clone(&last_seq), number, outlet: Some(outlet) };
        self.known.insert(reporter.clone(), known);
        Met { last_seq, is_new }
    }

    /// A link is over. False if the reporter has a newer one.
    pub(crate) fn close(&mut self, now: Time, reporter: &Reporter, number: LinkNumber) -> bool {
        let Some(known) = self.known.get_mut(reporter).filter(|known| known.number == number) else { return false };
        if known.outlet.take().is_some() {
            self.linked -= 1;
            self.broken.push_back(Broken { at: now, reporter: reporter.clone(), number });
        }
        true
    }

    /// When [`Reporters::take_lost`] next has something to do.
    pub(crate) fn due(&self) -> Option<Time> {
        let broken = self.broken.front().map(|broken| broken.at + bounds::LINK_BACK_WITHIN);
        let lost = self.lost.front().map(|lost| lost.at + bounds::LINK_KEPT_TIME);
        broken.into_iter().chain(lost).min()
    }

    /// The reporters whose links broke and were not back in time. What can no more be sent again is forgotten.
    pub(crate) fn take_lost(&mut self, now: Time) -> Vec<Reporter> {
        let mut taken = Vec::new();
        while let Some(broken) = self.broken.pop_front_if(|broken| broken.at + bounds::LINK_BACK_WITHIN <= now) {
            if self.is_away(&broken) {
                taken.push(broken.reporter.clone());
                if self.lost.len() >= bounds::LINKS {
                    self.forget_first();
                }
                self.lost.push_back(broken);
            }
        }
        while self.lost.front().is_some_and(|lost| lost.at + bounds::LINK_KEPT_TIME <= now) {
            self.forget_first();
        }
        taken
    }

    /// Whether this reporter may open a link. For one that is not known, the first that was lost may be forgotten early.
    pub(crate) fn admits(&mut self, reporter: &Reporter) -> bool {
        if self.known.contains_key(reporter) {
            return self.linked < bounds::LINKS;
        }
        while self.known.len() >= bounds::LINKS && !self.lost.is_empty() {
            self.forget_first();
        }
        self.known.len() < bounds::LINKS
    }

    /// Forgets who was lost first, unless it is back.
    fn forget_first(&mut self) {
        if let Some(lost) = self.lost.pop_front()
            && self.is_away(&lost)
        {
            self.known.remove(&lost.reporter);
        }
    }

    /// Whether the reporter has had no link since that one.
    fn is_away(&self, broken: &Broken) -> bool {
        self.known.get(&broken.reporter).is_some_and(|known| known.number == broken.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activator() -> Reporter {
        Reporter::Activator("a".into())
    }

    fn open(reporters: &mut Reporters, incarnation: u64, number: LinkNumber) -> Met {
        reporters.open(&activator(), incarnation, number, Arc::default())
    }

    #[test]
    fn who_comes_back_in_time_was_never_lost() {
        let mut reporters = Reporters::default();
        let first = open(&mut reporters, 7, 1);
        *first.last_seq.lock() = 42;
        assert!(reporters.close(Time::ZERO, &activator(), 1));
        let again = open(&mut reporters, 7, 2);
        assert_eq!((*again.last_seq.lock(), again.is_new), (42, false));
        assert_eq!(reporters.take_lost(Time::from_secs_f64(9.0)), []);
        assert_eq!(reporters.linked(), 1);
    }

    #[test]
    fn who_does_not_is_lost_once_and_forgotten_when_nothing_can_be_sent_again() {
        let mut reporters = Reporters::default();
        *open(&mut reporters, 7, 1).last_seq.lock() = 42;
        reporters.close(Time::ZERO, &activator(), 1);
        assert_eq!(reporters.take_lost(Time::from_secs_f64(0.9)), []);
        assert_eq!(reporters.due(), Some(Time::from_secs_f64(1.0)));
        assert_eq!(reporters.take_lost(Time::from_secs_f64(1.0)), [activator()]);
        assert_eq!(reporters.take_lost(Time::from_secs_f64(59.0)), []);
        assert_eq!(reporters.due(), Some(Time::from_secs_f64(60.0)));
        assert_eq!(reporters.take_lost(Time::from_secs_f64(60.0)), []);
        assert_eq!((reporters.due(), reporters.known.len()), (None, 0));
    }

    #[test]
    fn a_newer_link_cuts_the_older_off_whose_end_then_means_nothing() {
        let mut reporters = Reporters::default();
        open(&mut reporters, 7, 1);
        assert!(open(&mut reporters, 8, 2).is_new, "the process was restarted");
        assert!(!reporters.close(Time::ZERO, &activator(), 1));
        assert_eq!((reporters.linked(), reporters.due()), (1, None));
    }

    #[test]
    fn no_more_are_known_than_may_be_linked_and_the_first_to_be_lost_are_forgotten_first() {
        let name = |number: usize| Reporter::Activator(number.to_string().into());
        let mut reporters = Reporters::default();
        for number in 0..bounds::LINKS {
            assert!(reporters.admits(&name(number)));
            reporters.open(&name(number), 7, number as LinkNumber, Arc::default());
            reporters.close(Time::ZERO, &name(number), number as LinkNumber);
        }
        assert!(!reporters.admits(&name(bounds::LINKS)), "they may all be back within a second");
        assert!(reporters.admits(&name(0)));
        assert_eq!(reporters.take_lost(Time::from_secs_f64(1.0)).len(), bounds::LINKS);
        assert!(reporters.admits(&name(bounds::LINKS)));
        assert_eq!(reporters.known.len(), bounds::LINKS - 1);
        assert!(!reporters.known.contains_key(&name(0)));
    }
}
