//! What a list does not name that comes after a gap.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use config::{Time, bounds};

/// Keeps what a list after a gap did not name, until it is to be believed that it is gone.
///
/// A list that shrinks right after a gap is not acted on for [`bounds::KUBE_GAP`]: an apiserver that has just come back,
/// or another one, may serve an old or a partial view for a moment.
#[derive(Debug)]
pub(in crate::kubernetes) struct Gap<K> {
    /// What the list has named so far, while it comes.
    named: Option<HashSet<K>>,
    /// What it did not name, and since when.
    missing: HashMap<K, Time>,
}

impl<K> Default for Gap<K> {
    fn default() -> Gap<K> {
        Gap { named: None, missing: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Gap<K> {
    /// A list begins.
    pub(in crate::kubernetes) fn begins(&mut self) {
        self.named = Some(HashSet::new());
    }

    /// The object is there: the list names it, or it changed.
    pub(in crate::kubernetes) fn is_there(&mut self, key: &K) {
        if let Some(named) = &mut self.named {
            named.insert(key.clone());
        }
        self.missing.remove(key);
    }

    /// The object is gone, for certain.
    pub(in crate::kubernetes) fn is_gone(&mut self, key: &K) {
        self.missing.remove(key);
    }

    /// The list is complete; of those that were known it did not name some.
    pub(in crate::kubernetes) fn ends<'a>(&mut self, known: impl Iterator<Item = &'a K>, now: Time)
    where
        K: 'a,
    {
        let named = self.named.take().unwrap_or_default();
        for key in known.filter(|key| !named.contains(key)) {
            self.missing.entry(key.clone()).or_insert(now);
        }
    }

    /// When [`Gap::lapsed`] has something.
    pub(in crate::kubernetes) fn due(&self) -> Option<Time> {
        self.missing.values().min().map(|&since| since + bounds::KUBE_GAP)
    }

    /// Takes those out that have been missing for too long.
    pub(in crate::kubernetes) fn lapsed(&mut self, now: Time) -> Vec<K> {
        let is_over = |since: Time| now.since(since) >= bounds::KUBE_GAP;
        let over: Vec<K> =
            self.missing.iter().filter(|&(_, &since)| is_over(since)).map(|(key, _)| key.clone()).collect();
        self.missing.retain(|_, since| !is_over(*since));
        over
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn what_a_list_does_not_name_is_gone_after_ten_seconds() {
        let mut gap = Gap::default();
        gap.begins();
        gap.is_there(&"a");
        gap.ends(["a", "b", "c"].iter(), at(100));
        assert_eq!((gap.due(), gap.lapsed(at(109))), (Some(at(110)), vec![]));
        gap.is_there(&"c"); // it was only late
        assert_eq!(gap.lapsed(at(110)), ["b"]);
        assert_eq!((gap.due(), gap.lapsed(at(200))), (None, vec![]));
    }

    #[test]
    fn a_second_gap_gives_no_more_time() {
        let mut gap = Gap::default();
        for now in [100, 106] {
            gap.begins();
            gap.ends(["a"].iter(), at(now));
        }
        assert_eq!(gap.lapsed(at(110)), ["a"]);
    }

    #[test]
    fn a_list_that_breaks_off_says_nothing_of_what_it_did_not_name() {
        let mut gap = Gap::default();
        gap.begins();
        gap.is_there(&"a");
        gap.begins();
        assert_eq!(gap.due(), None);
        gap.is_there(&"a");
        gap.is_there(&"b");
        gap.ends(["a", "b"].iter(), at(100));
        assert_eq!(gap.due(), None);
    }
}
