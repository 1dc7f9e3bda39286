//! Who waits for what: the pods, the queue and the count of one workload, under one lock.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use config::{Failure, Mode, Pod, PodId, PodState, Serving, Time, WorkloadId, bounds};
use parking_lot::Mutex;
use queue_proxy::{Clock, Deadlines, Front, Timeouts};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::hold::{HoldError, HoldLimits, Place};
use crate::ledger::{Due, Ledger};
use crate::news::{News, Wake};
use crate::queue::{Queue, Waiter};
use crate::roster::{Roster, Seat};
use crate::snapshot::Counts;

/// Hands slots of pods to requests, the oldest first.
///
/// A request that finds nobody waiting and a free slot passes at once. Else it waits until a slot is its own: slots
/// that become free (the end of a response, a pod that becomes ready, more slots) go to the oldest that waits.
///
/// The lock is held for a few dozen instructions and never while a guard is dropped or a waiter is told: both may lead
/// back here.
#[derive(Debug)]
pub(crate) struct Board {
    id: WorkloadId,
    clock: Clock,
    limits: HoldLimits,
    news: Arc<News>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) roster: Roster,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) counts: Counts,
    /// How long requests may take.
    timeouts: Timeouts,
    pub(crate) failure: Option<Failure>,
    /// The workload is no more.
    removed: bool,
    /// Since when requests wait without a ready pod.
    asleep_since: Option<Time>,
}

/// What becomes of a request that came.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// It may go to a pod.
    Admitted(Admission),
    /// It must wait.
    Held(Place),
}

/// The right to have one request in one pod. Dropped, it gives the slot to who waits longest.
#[derive(Debug)]
pub struct Admission {
    // Fields drop in this order: the slot must be free before the board looks who can have it.
    seat: Seat,
    visit: Visit,
}

/// One request that is open at a board, held or forwarded.
#[derive(Debug)]
pub(crate) struct Visit {
    board: Arc<Board>,
    ticket: u64,
}

impl Board {
    pub(crate) fn new(
        id: WorkloadId,
        clock: Clock,
        limits: HoldLimits,
        news: Arc<News>,
        serving: &Serving,
        mode: Mode,
    ) -> Arc<Board> {
        let state = State {
            roster: Roster::new(serving.container_concurrency, mode, RandomState::new().hash_one(&id)),
            queue: Queue::default(),
            ledger: Ledger::new(clock.now()),
            counts: Counts::default(),
            timeouts: Timeouts::from(serving),
            failure: None,
            removed: false,
            asleep_since: None,
        };
        Arc::new(Board { id, clock, limits, news, state: Mutex::new(state) })
    }

    pub(crate) fn id(&self) -> &WorkloadId {
        &self.id
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Looks at the state, or changes it where no waiter is concerned.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock())
    }

    /// A request came at `arrival` whose body may occupy `bytes` until it is read. Says when it must be done, too.
    ///
    /// # Errors
    /// When it can neither pass nor wait.
    pub(crate) fn arrive(self: &Arc<Board>, arrival: Instant, bytes: usize) -> Result<(Arrival, Deadlines), HoldError> {
        let now = self.clock.time_of(arrival);
        let mut state = self.state.lock();
        if let Err(error) = state.welcome() {
            state.counts.refused(error);
            return Err(error);
        }
        let ticket = state.queue.ticket();
        let seat = if state.queue.is_empty() { state.roster.seat(now) } else { None };
        if seat.is_none()
            && (state.queue.len() >= self.limits.requests || state.queue.bytes() + bytes > self.limits.bytes)
        {
            state.counts.refused(HoldError::QueueFull);
            return Err(HoldError::QueueFull);
        }
        state.ledger.arrive();
        state.counts.arrived += 1;
        let visit = Visit { board: Arc::clone(self), ticket };
        let deadlines = Deadlines::new(state.timeouts, arrival);
        let (outcome, due) = match seat {
            Some(seat) => (Arrival::Admitted(Admission { seat, visit }), state.ledger.due(false)),
            None => {
                let (place, due) = state.hold(visit, bytes, now);
                (Arrival::Held(place), due)
            }
        };
        drop(state);
        self.news.tell(self, due);
        Ok((outcome, deadlines))
    }

    /// A request that was admitted could not be forwarded, and the app cannot have seen it: it waits again where it
    /// stood, and its pod is given nothing for a moment.
    ///
    /// # Errors
    /// When there is nothing left to wait for.
    pub(crate) fn again(admission: Admission, bytes: usize) -> Result<Place, HoldError> {
        let Admission { seat, visit } = admission;
        let board = Arc::clone(&visit.board);
        let member = seat.take_back();
        let now = board.clock.now();
        let mut state = board.state.lock();
        state.counts.retried += 1;
        let passed_over = state.roster.pass_over(&member.id, now, bounds::PASS_OVER);
        if let Err(error) = state.welcome() {
            state.counts.refused(error);
            drop(state); // before `visit`, which locks it again
            return Err(error);
        }
        let (place, due) = state.hold(visit, bytes, now);
        drop(state);
        if let Some(until) = passed_over {
            board.dispatch_at(until);
        }
        board.news.tell(&board, due);
        board.dispatch();
        Ok(place)
    }

    /// Takes note of how the workload is to be served from now on.
    pub(crate) fn set_serving(self: &Arc<Board>, serving: &Serving, mode: Mode) {
        let mut state = self.state.lock();
        state.roster.set_slots(serving.container_concurrency, mode);
        state.timeouts = Timeouts::from(serving);
        drop(state);
        self.dispatch();
    }

    /// Takes note of a pod that is new or changed.
    pub(crate) fn set_pod(self: &Arc<Board>, pod: &Pod, front: &Arc<Front>) {
        let mut state = self.state.lock();
        state.roster.set(&pod.id, front, pod.state);
        // Its last reports must be taken even if no request comes any more.
        let due = Due { listed: pod.state == PodState::Gone && state.ledger.list(), urgent: false };
        drop(state);
        self.news.tell(self, due);
        self.dispatch();
        self.end_hopeless();
    }

    /// Takes note of why there can be no ready pod, or that this is over.
    pub(crate) fn set_failure(&self, failure: Option<&Failure>) {
        self.state.lock().failure = failure.cloned();
        self.end_hopeless();
    }

    /// The workload is no more: all that wait are told so, and all that come.
    pub(crate) fn close(&self) {
        self.state.lock().removed = true;
        self.end_hopeless();
    }

    /// Gives free slots to who waits longest.
    pub(crate) fn dispatch(&self) {
        loop {
            let now = self.clock.now();
            let mut state = self.state.lock();
            if state.queue.is_empty() {
                return;
            }
            let Some(seat) = state.roster.seat(now) else { return };
            let wake = state.asleep_since.take().map(|held_at| Wake {
                workload: self.id.clone(),
                held_at,
                released_at: now,
                requests: state.queue.len(),
            });
            let Some(waiter) = state.queue.pop() else { return };
            state.ledger.release(now);
            drop(state);
            // Should it have left at this very moment, the slot comes back and the next one gets it.
            drop(waiter.sender.send(Ok(seat)));
            if let Some(wake) = wake {
                self.news.woke(wake);
            }
        }
    }

    /// Tells all that wait why there is nothing to wait for, if that is so.
    fn end_hopeless(&self) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let Err(error) = state.welcome() else { return };
        let ended: VecDeque<Waiter> = state.queue.drain();
        for _ in &ended {
            state.ledger.release(now);
            state.counts.refused(error);
        }
        state.asleep_since = None;
        drop(state);
        for waiter in ended {
            drop(waiter.sender.send(Err(error)));
        }
    }

    /// Looks for free slots again at `time`: of a pod that was passed over, nothing else may tell. The task ends
    /// within [`bounds::PASS_OVER`], and there is at most one per pod, for a pod that is passed over is not tried.
    fn dispatch_at(self: &Arc<Board>, time: Time) {
        let (at, board) = (self.clock.instant_of(time), Arc::downgrade(self));
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            if let Some(board) = board.upgrade() {
                board.dispatch();
            }
        });
    }
}

impl State {
    /// Whether a request may pass or wait.
    fn welcome(&self) -> Result<(), HoldError> {
        if self.removed {
            return Err(HoldError::Removed);
        }
        match &self.failure {
            Some(failure) if !self.roster.has_ready() => Err(HoldError::Broken(failure.word())),
            _ => Ok(()),
        }
    }

    /// Puts a request in the queue.
    fn hold(&mut self, visit: Visit, bytes: usize, now: Time) -> (Place, Due) {
        let (sender, receiver) = oneshot::channel();
        self.queue.insert(Waiter { ticket: visit.ticket, bytes, sender });
        self.ledger.hold(now);
        self.counts.held += 1;
        let asleep = !self.roster.has_ready();
        if asleep {
            self.asleep_since.get_or_insert(now);
        }
        (Place::new(visit, receiver), self.ledger.due(asleep))
    }
}

impl Visit {
    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Goes to the pod whose seat it was given.
    pub(crate) fn admit(self, seat: Seat) -> Admission {
        Admission { seat, visit: self }
    }

    /// Leaves the queue at once, if it is still there: the place is free for another.
    pub(crate) fn leave_queue(&self) -> bool {
        let now = self.board.clock.now();
        let mut state = self.board.state.lock();
        let Some(waiter) = state.queue.remove(self.ticket) else { return false };
        state.ledger.release(now);
        if state.queue.is_empty() {
            state.asleep_since = None;
        }
        drop(state);
        drop(waiter);
        true
    }
}

impl Drop for Visit {
    /// The request is over, and whatever slot it had is free again.
    fn drop(&mut self) {
        let mut state = self.board.state.lock();
        state.ledger.end();
        let someone_waits = !state.queue.is_empty();
        drop(state);
        if someone_waits {
            self.board.dispatch();
        }
    }
}

impl Admission {
    pub(crate) fn front(&self) -> &Arc<Front> {
        &self.seat.member().front
    }

    /// The pod that the request is in.
    pub fn pod(&self) -> &PodId {
        &self.seat.member().id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use queue_proxy::net::Network;

    fn board(container_concurrency: u32) -> Arc<Board> {
        let serving = Serving { container_concurrency, ..Serving::default() };
        let id = "app".parse().unwrap();
        Board::new(id, Clock::start(), HoldLimits::default(), Arc::default(), &serving, Mode::Default)
    }

    fn start_pod(board: &Arc<Board>, container_concurrency: u32) {
        let address = ([127, 0, 0, 1], 1).into();
        let serving = Serving { container_concurrency, ..Serving::default() };
        let front = Front::new(Network::default(), address, &serving, board.clock);
        let (workload, created) = (board.id.clone(), Time::ZERO);
        let state = PodState::Ready;
        board.set_pod(&Pod { id: PodId::new("one"), workload, address, state, has_queue_proxy: true, created }, &front);
    }

    fn hold(board: &Arc<Board>) -> Place {
        match board.arrive(Instant::now(), 0).unwrap() {
            (Arrival::Held(place), _) => place,
            (Arrival::Admitted(admission), _) => panic!("{:?} was free", admission.pod()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_leaves_before_it_heard_of_its_slot_passes_it_on() {
        let board = board(1);
        let (first, second, third) = (hold(&board), hold(&board), hold(&board));
        start_pod(&board, 1);
        assert_eq!(board.snapshot().held, 2);
        drop(first); // was handed the slot and does not know
        assert_eq!(board.snapshot().held, 1);
        let second = second.wait(None).now_or_never().expect("the slot is there").unwrap();
        drop(second);
        drop(third.wait(None).now_or_never().expect("the slot is there").unwrap());
        let snapshot = board.snapshot();
        assert_eq!((snapshot.open, snapshot.pods[0].in_flight, snapshot.counts.left), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_many_come_back_from_is_waited_for_once() {
        let board = board(0);
        start_pod(&board, 0);
        let admitted: Vec<_> = (0..100).map(|_| board.arrive(Instant::now(), 0).unwrap()).collect();
        let mut places = Vec::new();
        for (arrival, _) in admitted {
            let Arrival::Admitted(admission) = arrival else { panic!("there is no limit") };
            places.push(Board::again(admission, 0).unwrap());
        }
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
        for place in places {
            drop(place.wait(None).await.unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_comes_as_the_hold_ends_is_taken() {
        let board = board(1);
        let place = hold(&board);
        let mut waiting = std::pin::pin!(place.wait(Some(Instant::now() + std::time::Duration::from_secs(1))));
        assert!(waiting.as_mut().now_or_never().is_none());
        start_pod(&board, 1);
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        assert!(waiting.now_or_never().expect("it is over").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_became_free_by_another_way_is_found_within_a_second() {
        let board = board(1);
        start_pod(&board, 1);
        let gate = board.with(|state| Arc::clone(state.roster.iter().next().unwrap().0.gate()));
        let direct = gate.try_admit().unwrap();
        let place = hold(&board);
        drop(direct);
        board.report_second(&"activator".into(), &mut Vec::new());
        assert!(place.wait(None).now_or_never().expect("the slot was found").is_ok());
    }
}
