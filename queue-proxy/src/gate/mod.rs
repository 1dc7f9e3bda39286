//! The gate of one pod: container-concurrency slots, the two lines behind them, and the count of who is inside.

mod admission;
mod line;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use config::{Report, bounds};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use self::admission::Admission;
use self::admission::Counts;
use self::line::{Line, Place};
use self::state::State;
use crate::Clock;

/// Lets at most `slots` requests into one app at a time and counts, exactly, who is inside.
///
/// One lock guards slots, lines and count, held for a few dozen instructions, so that a report is always a consistent
/// picture: who is admitted is counted, from admission (a place in a line included) to the end of its response.
///
/// Requests that come directly wait in a line of their own, those that an activator would rather have back
/// ([`Gate::admit_or_refuse`]) in another, short one. Within a line first come, first served; when both wait, they get
/// the freed slots in turn. A request that comes while others wait never passes them.
#[derive(Debug)]
pub struct Gate {
    clock: Clock,
    state: Mutex<State>,
    /// The last request left.
    emptied: Notify,
    /// A report is due at once.
    rang: Notify,
}

/// The line in front of the pod is full: the request was not admitted, not counted, and may be tried elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pending request queue full")]
pub struct LineFull;

/// The pod has no slot for a request that may be refused: it was not admitted, is no arrival, and may be tried elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no slot is free")]
pub struct Refused;

/// What becomes of a request that comes.
enum Entry<'a> {
    Admitted(Admission),
    Waits(Place<'a>),
    Full,
}

impl Gate {
    /// A gate with `slots` slots (container-concurrency; 0 is no limit).
    pub fn new(slots: u32, clock: Clock) -> Arc<Gate> {
        Gate::open(slots, None, clock)
    }

    /// A gate with `slots` slots, behind which `places` requests may wait directly.
    pub fn with_line(slots: u32, places: usize, clock: Clock) -> Arc<Gate> {
        Gate::open(slots, Some(places), clock)
    }

    fn open(slots: u32, places: Option<usize>, clock: Clock) -> Arc<Gate> {
        let state = State::new(slots, places, clock.now());
        Arc::new(Gate { clock, state: Mutex::new(state), emptied: Notify::new(), rang: Notify::new() })
    }

    /// Admits a request if a slot is free and nobody waits for one.
    #[inline]
    pub fn try_admit(self: &Arc<Gate>) -> Option<Admission> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if !state.is_open() {
            return None;
        }
        state.in_flight += 1;
        let rings = state.arrive(now);
        drop(state);
        self.ring(rings);
        Some(Admission::new(self, Counts::Load))
    }

    /// Admits a request that is no load (a load balancer asks how the app is), if a slot is free and nobody waits for
    /// one: it takes the slot, but no report knows of it.
    pub fn try_admit_uncounted(self: &Arc<Gate>) -> Option<Admission> {
        let mut state = self.state.lock();
        if !state.is_open() {
            return None;
        }
        state.in_flight += 1;
        drop(state);
        Some(Admission::new(self, Counts::Nothing))
    }

    /// Admits a request, after those that already wait. Dropping the future leaves the line at once.
    ///
    /// # Errors
    /// [`LineFull`] when [`bounds::LINE_PER_SLOT`] × slots requests wait already.
    pub async fn admit(self: &Arc<Gate>) -> Result<Admission, LineFull> {
        let mut place = match self.enter(Line::Direct) {
            Entry::Admitted(admission) => return Ok(admission),
            Entry::Waits(place) => place,
            Entry::Full => return Err(LineFull),
        };
        Ok(place.wait().await)
    }

    /// Admits a request that an activator would rather have back than see wait: for at most
    /// [`bounds::MAY_REFUSE_WAIT`], behind at most one of its kind for each [`bounds::SLOTS_PER_MAY_REFUSE_PLACE`] slots
    /// (or one). Dropping the future leaves the line at once.
    ///
    /// # Errors
    /// [`Refused`] when that was not enough; never without a limit of slots.
    pub async fn admit_or_refuse(self: &Arc<Gate>) -> Result<Admission, Refused> {
        let place = match self.enter(Line::MayRefuse) {
            Entry::Admitted(admission) => return Ok(admission),
            Entry::Waits(place) => place,
            Entry::Full => return Err(Refused),
        };
        place.wait_for(bounds::MAY_REFUSE_WAIT).await.ok_or(Refused)
    }

    fn enter(self: &Arc<Gate>, line: Line) -> Entry<'_> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let entry = if state.is_open() {
            state.in_flight += 1;
            Entry::Admitted(Admission::new(self, Counts::Load))
        } else if state.lines.len_of(line) < state.places(line) {
            Entry::Waits(state.lines.join(self, line))
        } else {
            return Entry::Full;
        };
        let rings = state.arrive(now);
        drop(state);
        self.ring(rings);
        entry
    }

    /// Changes the number of slots. Requests that are inside stay; a larger gate lets waiters in at once.
    pub fn set_slots(self: &Arc<Gate>, slots: u32) {
        self.state.lock().slots = slots;
        self.let_in();
    }

    /// Requests in the app (those that do not count as load, too), and requests in the lines.
    pub fn inside(&self) -> (u32, u32) {
        let state = self.state.lock();
        (state.in_flight, state.lines.len())
    }

    /// Slots that a new request could take now; `u32::MAX` without a limit.
    pub fn free(&self) -> u32 {
        let state = self.state.lock();
        if state.slots == 0 { u32::MAX } else { state.slots.saturating_sub(state.in_flight + state.lines.len()) }
    }

    /// Waits until nobody is inside. The next one may come in before the caller runs.
    pub async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.inside() == (0, 0) {
                return;
            }
            emptied.await;
        }
    }

    /// Sets how many may be in flight and wait before a report is due at once ([`Gate::alarmed`]). Until then any number
    /// may.
    pub fn set_watermark(&self, watermark: u32) {
        let mut state = self.state.lock();
        state.alarm.set_watermark(watermark);
        let rings = state.rings();
        drop(state);
        self.ring(rings);
    }

    /// Waits until a report is due at once: more are in flight and wait than the watermark says, or than twice what the
    /// last report said, and no report was taken since. Cancel-safe; for one listener.
    pub async fn alarmed(&self) {
        loop {
            // What rings in between is remembered.
            let rang = self.rang.notified();
            if self.state.lock().has_rung {
                return;
            }
            rang.await;
        }
    }

    /// Moves the reports that are due to `out`: every whole second, and with `partial` what came since.
    pub fn take_reports(&self, partial: bool, out: &mut Vec<Report>) {
        let now = self.clock.now();
        let first = out.len();
        let mut state = self.state.lock();
        state.counter.take(now, partial, out);
        for report in &mut out[first..] {
            report.open = report.in_flight;
        }
        let mut said = partial.then(|| state.counter.level());
        if let Some(newest) = out[first..].last_mut() {
            newest.waiting = state.lines.len();
            said = said.or(Some(newest.in_flight));
        }
        let mut rings = false;
        if let Some(said) = said {
            state.alarm.told(said);
            state.has_rung = false;
            // A burst since the last whole second is in no report yet.
            rings = state.rings();
        }
        drop(state);
        self.ring(rings);
    }

    /// Gives free slots to who waits longest, the two lines in turn.
    fn let_in(self: &Arc<Gate>) {
        loop {
            let mut state = self.state.lock();
            if !state.has_free_slot() {
                return;
            }
            let Some(next) = state.lines.next() else { return };
            state.in_flight += 1;
            drop(state);
            next.let_in(Admission::new(self, Counts::Load));
        }
    }

    fn release(self: &Arc<Gate>, counts: Counts) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.in_flight -= 1;
        match counts {
            Counts::Load => state.counter.leave(now),
            Counts::TakenBack => state.counter.take_back(now),
            Counts::Nothing => {}
        }
        let someone_waits = !state.lines.are_empty();
        let is_empty = state.is_empty();
        drop(state);
        if someone_waits {
            self.let_in();
        }
        if is_empty {
            self.emptied.notify_waiters();
        }
    }

    #[inline]
    fn ring(&self, rings: bool) {
        if rings {
            self.rang.notify_one();
        }
    }
}
