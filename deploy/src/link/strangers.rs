//! Pods that show a token of their own and that the platform has not named.

use std::collections::{HashMap, VecDeque};

use config::{PodId, Time, bounds};

use super::gone::Gone;

/// A pod may speak before the platform names it. One that it does not name after all is gone, though its token verifies
/// still: so much is known of pods that went before this process began.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    /// From when on the platform has named all pods that there were.
    listed: Option<Time>,
    met: HashMap<PodId, Time>,
    /// The first to be met first. An entry whose time is not that of `met` is stale.
    order: VecDeque<(Time, PodId)>,
    expelled: Gone,
}

impl Strangers {
    /// All pods that there are have been named; whether that is news.
    pub(crate) fn are_listed(&mut self, now: Time) -> bool {
        let is_news = self.listed.is_none();
        self.listed.get_or_insert(now);
        is_news
    }

    /// A pod that is not named speaks; false if there is no room to remember it.
    pub(crate) fn meet(&mut self, now: Time, pod: &PodId) -> bool {
        if self.met.contains_key(pod) {
            return true; // its time is not over for that it comes again
        }
        let has_room = self.order.len() < bounds::LINKS;
        if has_room {
            self.met.insert(pod.clone(), now);
            self.order.push_back((now, pod.clone()));
        }
        has_room
    }

    /// The platform names the pod.
    pub(crate) fn name(&mut self, pod: &PodId) {
        self.met.remove(pod);
        self.expelled.remove(pod);
    }

    /// When [`Strangers::expel`] has somebody.
    pub(crate) fn due(&self) -> Option<Time> {
        let (met, _) = self.order.front()?;
        Some(self.listed?.max(*met) + bounds::LINK_STRANGER)
    }

    /// The next one whose time is over and who was not named.
    pub(crate) fn expel(&mut self, now: Time) -> Option<PodId> {
        while self.due().is_some_and(|due| due <= now) {
            let (met, pod) = self.order.pop_front()?;
            if self.met.get(&pod) == Some(&met) {
                self.met.remove(&pod);
                self.expelled.add(now, pod.clone());
                return Some(pod);
            }
        }
        None
    }

    /// Whether it was expelled, and not named since.
    pub(crate) fn is_expelled(&self, now: Time, pod: &PodId) -> bool {
        self.expelled.contains(now, pod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> PodId {
        PodId::new(name)
    }

    #[test]
    fn nobody_is_expelled_before_all_pods_are_listed_and_who_comes_again_has_no_more_time() {
        let (mut strangers, patience) = (Strangers::default(), bounds::LINK_STRANGER);
        assert!(strangers.meet(Time::ZERO, &pod("a")));
        assert_eq!((strangers.due(), strangers.expel(Time::ZERO + 100 * patience)), (None, None));
        let listed = Time::ZERO + 200 * patience;
        assert!(strangers.are_listed(listed));
        assert!(strangers.meet(listed + patience / 2, &pod("a")));
        assert_eq!(strangers.due(), Some(listed + patience));
        assert_eq!(strangers.expel(listed + patience), Some(pod("a")));
        assert!(strangers.is_expelled(listed + patience, &pod("a")));
        assert_eq!((strangers.due(), strangers.expel(listed + patience)), (None, None));
    }

    #[test]
    fn who_is_named_is_no_stranger_any_more() {
        let (mut strangers, patience) = (Strangers::default(), bounds::LINK_STRANGER);
        strangers.are_listed(Time::ZERO);
        strangers.meet(Time::ZERO, &pod("a"));
        strangers.name(&pod("a"));
        assert_eq!(strangers.expel(Time::ZERO + patience), None);
        strangers.meet(Time::ZERO, &pod("b"));
        strangers.expel(Time::ZERO + patience);
        strangers.name(&pod("b"));
        assert!(!strangers.is_expelled(Time::ZERO + patience, &pod("b")), "the platform was late");
    }

    #[test]
    fn there_is_a_bound_on_them() {
        let mut strangers = Strangers::default();
        let all: Vec<_> = (0..=bounds::LINKS).map(|number| pod(&number.to_string())).collect();
        let had_room: Vec<_> = all.iter().filter(|pod| !strangers.meet(Time::ZERO, pod)).collect();
        assert_eq!(had_room, [&all[bounds::LINKS]]);
    }
}
