//! The steps of one decision.

use std::fmt;

use super::Step;

/// The steps of one decision, in order, without a heap.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Trail {
    steps: [Option<Step>; Trail::LONGEST],
    len: usize,
}

impl Trail {
    /// Window, rate, activation, decay, panic, jump, delay, three holds, burst capacity, bound, floor, route or way to
    /// zero.
    const LONGEST: usize = 14;

    /// No step yet.
    pub(crate) const EMPTY: Trail = Trail { steps: [None; Trail::LONGEST], len: 0 };

    /// Adds a step.
    pub(crate) fn push(&mut self, step: Step) {
        if let Some(place) = self.steps.get_mut(self.len) {
            *place = Some(step);
            self.len += 1;
        }
        debug_assert!(self.steps[self.len - 1] == Some(step), "a decision has at most {} steps", Trail::LONGEST);
    }

    /// The steps, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.steps.iter().flatten()
    }

    /// The step that made the number what it is: the last that changed it.
    pub(crate) fn deciding(&self) -> Option<&Step> {
        let mut deciding = None;
        for step in self.iter() {
            if deciding.is_none_or(|before: &Step| before.pods() != step.pods()) {
                deciding = Some(step);
            }
        }
        deciding
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deciding_step_is_the_last_that_changed_the_number() {
        let mut trail = Trail::EMPTY;
        trail.push(Step::ActivationScale { pods: 2 });
        trail.push(Step::MaxScale { wanted: 2, pods: 1 });
        trail.push(Step::PanicLeft { pods: 1 });
        assert_eq!(trail.deciding().map(Step::rule), Some("max-scale"));
    }
}
