//! What was recommended within a window, for stabilization: the least of it on the way up, the largest on the way down.

use std::collections::VecDeque;
use std::time::Duration;

use config::{Time, bounds};

/// Which end of a window is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The least recommendation.
    Least,
    /// The largest.
    Largest,
}

/// The recommendations that can still be at that end of a window: each later one is less extreme.
#[derive(Clone, Debug)]
pub(super) struct Recommended {
    end: End,
    list: VecDeque<(Time, u32)>,
}

impl Recommended {
    /// None yet.
    pub(super) fn new(end: End) -> Recommended {
        Recommended { end, list: VecDeque::new() }
    }

    /// Whether nothing was ever recommended.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `pods` were recommended at `now`; what is older than `window` is forgotten, but for the latest.
    pub(super) fn record(&mut self, pods: u32, now: Time, window: Duration) {
        while self.list.back().is_some_and(|&(_, earlier)| self.outdoes(pods, earlier)) {
            self.list.pop_back();
        }
        while self.list.front().is_some_and(|(at, _)| now.since(*at) >= window) {
            self.list.pop_front();
        }
        if self.list.len() >= bounds::RECOMMENDATIONS {
            // The oldest but one goes: the oldest stands for it, for as long as that would have counted.
            if let Some((at, _)) = self.list.remove(1)
                && let Some(oldest) = self.list.front_mut()
            {
                oldest.0 = at;
            }
        }
        self.list.push_back((now, pods));
    }

    /// The most extreme of `pods` and all that was recommended less than `window` ago.
    pub(super) fn with(&self, pods: u32, now: Time, window: Duration) -> u32 {
        match self.list.iter().find(|(at, _)| now.since(*at) < window) {
            Some(&(_, earlier)) if self.outdoes(earlier, pods) => earlier,
            _ => pods,
        }
    }

    fn outdoes(&self, one: u32, other: u32) -> bool {
        match self.end {
            End::Least => one <= other,
            End::Largest => one >= other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is kept is enough: the answer is that of the whole list.
        #[test]
        fn the_end_of_the_window_is_that_of_the_whole_list(
            steps in prop::collection::vec((0u64..20, 0u32..10), 1..60), window in 0u64..60, pods in 0u32..10,
        ) {
            let window = Duration::from_secs(window);
            let (mut most, mut least) = (Recommended::new(End::Largest), Recommended::new(End::Least));
            let (mut now, mut all) = (Time::ZERO, Vec::new());
            for (step, pods) in steps {
                now = now + Duration::from_secs(step);
                all.push((now, pods));
                most.record(pods, now, window);
                least.record(pods, now, window);
            }
            let recent = || all.iter().filter(|(at, _)| now.since(*at) < window).map(|(_, pods)| *pods).chain([pods]);
            prop_assert_eq!(Some(most.with(pods, now, window)), recent().max());
            prop_assert_eq!(Some(least.with(pods, now, window)), recent().min());
        }
    }

    #[test]
    fn there_is_a_bound_and_beyond_it_the_window_is_longer() {
        let mut most = Recommended::new(End::Largest);
        for second in 0..1_000_u32 {
            most.record(5_000 - second, Time::from_secs_f64(f64::from(second)), Duration::from_secs(3_600));
        }
        assert_eq!(most.list.len(), bounds::RECOMMENDATIONS);
        assert_eq!(most.with(0, Time::from_secs_f64(1_000.0), Duration::from_secs(3_600)), 5_000);
    }
}
