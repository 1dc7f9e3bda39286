//! The gate of one pod: container-concurrency slots, the line behind them, and the count of who is inside.

use std::collections::VecDeque;
use std::sync::Arc;

use config::{Report, bounds};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::{Clock, Counter};

/// Lets at most `slots` requests into one app at a time and counts, exactly, who is inside.
///
/// One lock guards slots, line and count, held for a few dozen instructions, so that a report is always a consistent
/// picture: who is admitted is counted, from admission (a place in the line included) to the end of its response.
///
/// First come, first served: a request that comes while others wait never passes them.
#[derive(Debug)]
pub struct Gate {
    clock: Clock,
    state: Mutex<State>,
    /// The last request left.
    emptied: Notify,
}

#[derive(Debug)]
struct State {
    /// 0 is no limit.
    slots: u32,
    /// How many may wait, if not [`bounds::LINE_PER_SLOT`] a slot.
    places: Option<usize>,
    in_flight: u32,
    /// Who waits, oldest first.
    line: VecDeque<Waiter>,
    next_ticket: u64,
    counter: Counter,
}

#[derive(Debug)]
struct Waiter {
    /// Counts up, so that the line is sorted by it.
    ticket: u64,
    sender: oneshot::Sender<Admission>,
}

/// The right to have one request in the app; gives the slot back when dropped.
#[derive(Debug)]
pub struct Admission {
    gate: Arc<Gate>,
    /// The app cannot have seen the request, which goes to another pod: it is no arrival here.
    is_taken_back: bool,
}

/// The line in front of the pod is full: the request was not admitted, not counted, and may be tried elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pending request queue full")]
pub struct LineFull;

impl Gate {
    /// A gate with `slots` slots (container-concurrency; 0 is no limit).
    pub fn new(slots: u32, clock: Clock) -> Arc<Gate> {
        Gate::open(slots, None, clock)
    }

    /// A gate with `slots` slots, behind which `places` requests may wait.
    pub fn with_line(slots: u32, places: usize, clock: Clock) -> Arc<Gate> {
        Gate::open(slots, Some(places), clock)
    }

    fn open(slots: u32, places: Option<usize>, clock: Clock) -> Arc<Gate> {
        let counter = Counter::new(clock.now());
        let state = State { slots, places, in_flight: 0, line: VecDeque::new(), next_ticket: 0, counter };
        Arc::new(Gate { clock, state: Mutex::new(state), emptied: Notify::new() })
    }

    /// Admits a request if a slot is free and nobody waits for one.
    pub fn try_admit(self: &Arc<Gate>) -> Option<Admission> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if !state.has_free_slot() || !state.line.is_empty() {
            return None;
        }
        state.in_flight += 1;
        state.counter.arrive(now);
        Some(Admission::new(self))
    }

    /// Admits a request, after those that already wait. Dropping the future leaves the line at once.
    ///
    /// # Errors
    /// [`LineFull`] when [`bounds::LINE_PER_SLOT`] × slots requests wait already.
    pub async fn admit(self: &Arc<Gate>) -> Result<Admission, LineFull> {
        let place = {
            let now = self.clock.now();
            let mut state = self.state.lock();
            if state.has_free_slot() && state.line.is_empty() {
                state.in_flight += 1;
                state.counter.arrive(now);
                return Ok(Admission::new(self));
            }
            if state.line.len() >= state.places() {
                return Err(LineFull);
            }
            let (sender, receiver) = oneshot::channel();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.line.push_back(Waiter { ticket, sender });
            state.counter.arrive(now);
            Place { gate: self, ticket, receiver }
        };
        Ok(place.wait().await)
    }

    /// Changes the number of slots. Requests that are inside stay; a larger gate lets waiters in at once.
    pub fn set_slots(self: &Arc<Gate>, slots: u32) {
        self.state.lock().slots = slots;
        self.let_in();
    }

    /// Requests in the app, and requests in the line.
    pub fn inside(&self) -> (u32, u32) {
        let state = self.state.lock();
        (state.in_flight, state.waiting())
    }

    /// Slots that a new request could take now; `u32::MAX` without a limit.
    pub fn free(&self) -> u32 {
        let state = self.state.lock();
        if state.slots == 0 { u32::MAX } else { state.slots.saturating_sub(state.in_flight + state.waiting()) }
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

    /// Moves the reports that are due to `out`: every whole second, and with `partial` what came since.
    pub fn take_reports(&self, partial: bool, out: &mut Vec<Report>) {
        let now = self.clock.now();
        let first = out.len();
        let mut state = self.state.lock();
        state.counter.take(now, partial, out);
        for report in &mut out[first..] {
            report.open = report.in_flight;
        }
        if let Some(newest) = out[first..].last_mut() {
            newest.waiting = state.waiting();
        }
    }

    /// Gives free slots to who waits longest.
    fn let_in(self: &Arc<Gate>) {
        loop {
            let mut state = self.state.lock();
            if !state.has_free_slot() {
                return;
            }
            let Some(next) = state.line.pop_front() else { return };
            state.in_flight += 1;
            drop(state);
            // Should the waiter leave at this very moment, the admission comes back (or is dropped with the channel)
            // and is released like any other; `release` then lets the next one in.
            drop(next.sender.send(Admission::new(self)));
        }
    }

    fn release(self: &Arc<Gate>, is_taken_back: bool) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.in_flight -= 1;
        if is_taken_back {
            state.counter.take_back(now);
        } else {
            state.counter.leave(now);
        }
        let someone_waits = !state.line.is_empty();
        let is_empty = state.is_empty();
        drop(state);
        if someone_waits {
            self.let_in();
        }
        if is_empty {
            self.emptied.notify_waiters();
        }
    }
}

impl Admission {
    fn new(gate: &Arc<Gate>) -> Admission {
        Admission { gate: Arc::clone(gate), is_taken_back: false }
    }

    /// Gives the slot back of a request that the app cannot have seen and that goes to another pod, where it counts as
    /// an arrival: here it is none.
    pub fn take_back(mut self) {
        self.is_taken_back = true;
    }
}

impl State {
    fn has_free_slot(&self) -> bool {
        self.slots == 0 || self.in_flight < self.slots
    }

    fn places(&self) -> usize {
        if self.slots == 0 {
            return usize::MAX; // those that still wait are being let in
        }
        self.places.unwrap_or(bounds::LINE_PER_SLOT * self.slots as usize)
    }

    fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.line.is_empty()
    }

    fn waiting(&self) -> u32 {
        u32::try_from(self.line.len()).unwrap_or(u32::MAX)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.gate.release(self.is_taken_back);
    }
}

/// A place in the line.
struct Place<'a> {
    gate: &'a Arc<Gate>,
    ticket: u64,
    receiver: oneshot::Receiver<Admission>,
}

impl Place<'_> {
    async fn wait(mut self) -> Admission {
        (&mut self.receiver).await.expect("a waiter that is still in the line is never dropped by the gate")
    }
}

impl Drop for Place<'_> {
    /// Leaves the line: the place is free for the next request at once. One that was let in is no longer in the line;
    /// if it leaves before it heard so, the admission dies with the channel and is released.
    fn drop(&mut self) {
        let now = self.gate.clock.now();
        let mut state = self.gate.state.lock();
        let Ok(at) = state.line.binary_search_by_key(&self.ticket, |waiter| waiter.ticket) else { return };
        let waiter = state.line.remove(at);
        state.counter.leave(now);
        // Another thread may be between a release and letting this one in.
        let is_empty = state.is_empty();
        drop(state);
        drop(waiter);
        if is_empty {
            self.gate.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    fn gate(slots: u32) -> Arc<Gate> {
        Gate::new(slots, Clock::start())
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_come_in_in_the_order_they_came() {
        let gate = gate(1);
        let first = gate.try_admit().unwrap();
        let (mut second, mut third) = (pin!(gate.admit()), pin!(gate.admit()));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(gate.try_admit().is_none(), "nobody passes the line");
        drop(first);
        assert!(third.as_mut().now_or_never().is_none());
        let second = second.await.unwrap();
        assert_eq!(gate.inside(), (1, 1));
        drop(second);
        drop(third.await.unwrap());
        assert_eq!(gate.inside(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_has_ten_places_a_slot() {
        let gate = gate(1);
        let _inside = gate.try_admit().unwrap();
        let mut line: Vec<_> = (0..10).map(|_| Box::pin(gate.admit())).collect();
        for waiter in &mut line {
            assert!(waiter.as_mut().now_or_never().is_none());
        }
        assert_eq!(gate.admit().now_or_never().unwrap().unwrap_err(), LineFull);
        line.pop();
        assert!(gate.admit().now_or_never().is_none(), "a waiter that left made room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_leaves_as_it_is_let_in_gives_the_slot_back() {
        let gate = gate(1);
        let first = gate.try_admit().unwrap();
        let mut leaver = Box::pin(gate.admit());
        assert!(leaver.as_mut().now_or_never().is_none());
        drop(first); // lets the leaver in, which does not know yet
        assert_eq!(gate.inside(), (1, 0));
        drop(leaver);
        assert_eq!(gate.inside(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn more_slots_let_waiters_in_at_once() {
        let gate = gate(1);
        let _first = gate.try_admit().unwrap();
        let mut second = pin!(gate.admit());
        assert!(second.as_mut().now_or_never().is_none());
        gate.set_slots(2);
        assert_eq!(gate.inside(), (2, 0));
        drop(second.await);
        gate.set_slots(0);
        assert_eq!(gate.free(), u32::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_the_line_is_counted_and_a_refusal_is_no_arrival() {
        let gate = gate(1);
        let _inside = gate.try_admit().unwrap();
        let mut waiting: Vec<_> = (0..11).map(|_| Box::pin(gate.admit())).collect();
        for waiter in &mut waiting {
            drop(waiter.as_mut().now_or_never());
        }
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let mut reports = Vec::new();
        gate.take_reports(false, &mut reports);
        let [report] = reports[..] else { panic!("{reports:?}") };
        assert_eq!((report.arrived, report.concurrency_ns, report.waiting), (11, 11_000_000_000, 10));
    }

    /// On two threads, a waiter leaves as the last one inside does.
    #[test]
    fn nobody_misses_that_the_gate_is_empty() {
        for _ in 0..1_000 {
            let gate = gate(1);
            let inside = gate.try_admit().unwrap();
            let mut waiter = Box::pin(gate.admit());
            assert!(waiter.as_mut().now_or_never().is_none());
            let mut empty = pin!(gate.empty());
            assert!(empty.as_mut().now_or_never().is_none());
            let start = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(inside);
                });
                start.wait();
                drop(waiter);
            });
            assert_eq!(gate.inside(), (0, 0));
            assert!(empty.now_or_never().is_some(), "it was told");
        }
    }
}
