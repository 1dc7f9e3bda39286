//! Pods that are gone.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use config::{PodId, Time, bounds};

/// The pods that the platform said are gone, for as long as a token of theirs can verify. Of very many the first to go are
/// forgotten early.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    since: HashMap<PodId, Time>,
    /// The first to go first. An entry whose time is not that of `since` is stale.
    order: VecDeque<(Time, PodId)>,
}

/// How long a pod is remembered.
const KEPT: Duration = bounds::TOKEN_LIFE.saturating_add(bounds::TOKEN_LEEWAY.saturating_mul(2));

impl Gone {
    /// The pod went.
    pub(crate) fn add(&mut self, now: Time, pod: PodId) {
        while self.order.len() >= bounds::GONE_PODS || self.order.front().is_some_and(|(since, _)| *since + KEPT <= now)
        {
            self.forget_first();
        }
        self.since.insert(pod.clone(), now);
        self.order.push_back((now, pod));
    }

    /// The platform names the pod: it is there after all.
    pub(crate) fn remove(&mut self, pod: &PodId) {
        self.since.remove(pod);
    }

    /// Whether the pod is remembered as gone.
    pub(crate) fn contains(&self, now: Time, pod: &PodId) -> bool {
        self.since.get(pod).is_some_and(|since| now < *since + KEPT)
    }

    fn forget_first(&mut self) {
        if let Some((since, pod)) = self.order.pop_front()
            && self.since.get(&pod) == Some(&since)
        {
            self.since.remove(&pod);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(number: usize) -> PodId {
        PodId::new(&number.to_string())
    }

    #[test]
    fn a_pod_is_gone_for_as_long_as_its_token_can_verify() {
        let mut gone = Gone::default();
        gone.add(Time::ZERO, pod(1));
        assert!(gone.contains(Time::ZERO + bounds::TOKEN_LIFE + bounds::TOKEN_LEEWAY, &pod(1)));
        assert!(!gone.contains(Time::ZERO + KEPT, &pod(1)));
        gone.add(Time::ZERO + KEPT, pod(2));
        assert_eq!((gone.since.len(), gone.order.len()), (1, 1));
    }

    #[test]
    fn one_that_is_there_after_all_can_go_again_and_is_remembered_from_then_on() {
        let mut gone = Gone::default();
        gone.add(Time::ZERO, pod(1));
        gone.remove(&pod(1));
        assert!(!gone.contains(Time::ZERO, &pod(1)));
        let later = Time::ZERO + KEPT / 2;
        gone.add(later, pod(1));
        gone.add(Time::ZERO + KEPT, pod(2));
        assert!(gone.contains(Time::ZERO + KEPT, &pod(1)), "the first time is over, the second is not");
    }

    #[test]
    fn there_is_a_bound_on_them() {
        let mut gone = Gone::default();
        (0..=bounds::GONE_PODS).for_each(|number| gone.add(Time::ZERO, pod(number)));
        assert_eq!((gone.since.len(), gone.order.len()), (bounds::GONE_PODS, bounds::GONE_PODS));
        assert!(!gone.contains(Time::ZERO, &pod(0)) && gone.contains(Time::ZERO, &pod(1)));
    }
}
