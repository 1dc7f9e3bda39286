//! The largest value of the last while: what scale-down-delay holds on to.

use std::collections::VecDeque;
use std::time::Duration;

use config::Time;

/// Sliding maximum over a number of slots, in amortised constant time: only the values that can still become the
/// maximum are kept, in descending order.
#[derive(Clone, Debug)]
pub struct MaxWindow {
    slots: u64,
    slot: Duration,
    descending: VecDeque<(u64, u32)>,
}

impl MaxWindow {
    /// A window of `length`, rounded up to whole slots of `slot`.
    pub fn new(length: Duration, slot: Duration) -> MaxWindow {
        let slots = length.as_nanos().div_ceil(slot.as_nanos().max(1));
        MaxWindow { slots: u64::try_from(slots).unwrap_or(u64::MAX), slot, descending: VecDeque::new() }
    }

    /// Records `value` at `now`, no earlier than the last; returns the maximum.
    pub fn record(&mut self, now: Time, value: u32) -> u32 {
        let slot = u64::try_from(self.slot.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.record_at(now.as_nanos() / slot, value)
    }

    /// Records `value` in the slot of number `index`, no earlier than the last; returns the maximum.
    pub fn record_at(&mut self, index: u64, value: u32) -> u32 {
        while self.descending.front().is_some_and(|&(at, _)| index.saturating_sub(at) >= self.slots) {
            self.descending.pop_front();
        }
        while self.descending.back().is_some_and(|&(_, smaller)| smaller <= value) {
            self.descending.pop_back();
        }
        // Within one slot a smaller value can never become the maximum.
        if self.descending.back().is_none_or(|&(at, _)| at != index) {
            self.descending.push_back((index, value));
        }
        self.descending.front().map_or(value, |&(_, largest)| largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_maximum_of_the_last_slots(
            slots in 1u64..9,
            steps in prop::collection::vec((0u64..4, 0u32..20), 1..60),
        ) {
            let mut window = MaxWindow::new(Duration::from_secs(slots), Duration::from_secs(1));
            let mut all = Vec::new();
            let mut index = 0;
            for (step, value) in steps {
                index += step;
                all.push((index, value));
                let want = all.iter().filter(|(at, _)| index - at < slots).map(|(_, value)| *value).max();
                prop_assert_eq!(Some(window.record_at(index, value)), want);
                prop_assert!(window.descending.len() as u64 <= slots);
            }
        }
    }
}
