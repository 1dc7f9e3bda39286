//! What a gate's lock guards.

use config::Time;

use super::line::{Line, Lines};
use crate::{Alarm, Counter};

#[derive(Debug)]
pub(super) struct State {
    /// 0 is no limit.
    pub(super) slots: u32,
    /// How many may wait directly, if not [`config::bounds::LINE_PER_SLOT`] a slot.
    pub(super) places: Option<usize>,
    /// Slots taken, by those that do not count, too.
    pub(super) in_flight: u32,
    pub(super) lines: Lines,
    pub(super) counter: Counter,
    pub(super) alarm: Alarm,
    /// The alarm went off, and no report was taken since.
    pub(super) has_rung: bool,
}

impl State {
    pub(super) fn new(slots: u32, places: Option<usize>, now: Time) -> State {
        State {
            slots,
            places,
            in_flight: 0,
            lines: Lines::default(),
            counter: Counter::new(now),
            alarm: Alarm::default(),
            has_rung: false,
        }
    }

    #[inline]
    pub(super) fn has_free_slot(&self) -> bool {
        self.slots == 0 || self.in_flight < self.slots
    }

    /// Whether a request that comes now passes nobody who waits. Without a limit those that still wait are being let in.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.slots == 0 || (self.in_flight < self.slots && self.lines.are_empty())
    }

    /// How many may wait in `line`.
    pub(super) fn places(&self, line: Line) -> usize {
        match (line, self.places) {
            (Line::Direct, Some(places)) => places,
            _ => line.places(self.slots),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.lines.are_empty()
    }

    /// Counts one more. Whether the alarm goes off.
    #[inline]
    pub(super) fn arrive(&mut self, now: Time) -> bool {
        self.counter.arrive(now);
        self.rings()
    }

    #[inline]
    pub(super) fn rings(&mut self) -> bool {
        let rings = self.alarm.is_due(self.counter.level()) && !self.has_rung;
        self.has_rung |= rings;
        rings
    }
}
