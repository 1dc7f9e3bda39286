//! Who waits for what: the pods, the queue and the count of one workload, under one lock.

mod state;
mod visit;

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use config::{Failure, Mode, Pod, PodId, PodState, Serving, WorkloadId};
use parking_lot::Mutex;
use queue_proxy::net::Network;
use queue_proxy::{Cause, Clock, Deadlines, Front, Timeouts};
use tokio::time::Instant;

use crate::hold::{HoldError, HoldLimits, Place};
use crate::ledger::{Due, Ledger};
use crate::member::Member;
use crate::news::{News, Wake};
use crate::queue::{Queue, Waiter};
use crate::roster::Roster;
use crate::snapshot::Counts;
use crate::took::Took;

pub(crate) use state::State;
pub use visit::Admission;
pub(crate) use visit::{Held, Visit};

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
    /// The first answer since a wake has not begun yet: [`State::first_byte`] waits for it.
    awaits_first_byte: AtomicBool,
}

/// What becomes of a request that came.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// It may go to a pod.
    Admitted(Admission),
    /// It must wait.
    Held(Place),
    /// It is no load, and no pod is there for it: it is answered at once.
    Ignored,
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
            roster: Roster::new(serving, mode, RandomState::new().hash_one(&id)),
            queue: Queue::default(),
            ledger: Ledger::new(clock.now()),
            counts: Counts::default(),
            took: Took::default(),
            timeouts: Timeouts::from(serving),
            ignore_paths: serving.ignore_paths.clone(),
            upgrades: serving.upgrades.clone(),
            failure: None,
            removed: false,
            asleep_since: None,
            first_byte: None,
        };
        let (state, awaits_first_byte) = (Mutex::new(state), AtomicBool::new(false));
        Arc::new(Board { id, clock, limits, news, state, awaits_first_byte })
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

    /// A request for `path` came at `arrival` whose body may occupy `bytes` until it is read. Says when it must be done,
    /// too.
    ///
    /// # Errors
    /// When it can neither pass nor wait.
    pub(crate) fn arrive(
        self: &Arc<Board>,
        arrival: Instant,
        path: &str,
        bytes: usize,
    ) -> Result<(Arrival, Deadlines), HoldError> {
        let now = self.clock.time_of(arrival);
        let mut state = self.state.lock();
        let deadlines = Deadlines::new(state.timeouts, arrival);
        if state.ignores(path) {
            return Ok((state.glance(self, now), deadlines));
        }
        if let Err(error) = state.welcome() {
            state.counts.refused(error);
            return Err(error);
        }
        let ticket = state.queue.ticket();
        let seat = if state.queue.is_empty() { state.seat(self, now) } else { None };
        if seat.is_none()
            && (state.queue.len() >= self.limits.requests || state.queue.bytes() + bytes > self.limits.bytes)
        {
            state.counts.refused(HoldError::QueueFull);
            return Err(HoldError::QueueFull);
        }
        if state.ledger.arrive() {
            self.news.opened();
        }
        state.counts.arrived += 1;
        let visit = Visit::new(self, ticket, now);
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

    /// A request that was admitted could not be forwarded because of `cause`, and the app cannot have seen it: it waits
    /// again where it stood, and its pod is given nothing for a moment.
    ///
    /// # Errors
    /// When there is nothing left to wait for.
    pub(crate) fn again(admission: Admission, bytes: usize, cause: Cause) -> Result<Place, HoldError> {
        let Admission { seat, visit } = admission;
        let board = Arc::clone(&visit.board);
        let member = seat.take_back();
        let now = board.clock.now();
        let mut state = board.state.lock();
        let is_refused = cause == Cause::Refused;
        let count = if is_refused { &mut state.counts.refused } else { &mut state.counts.retried };
        *count += 1;
        let must_watch = state.roster.pass_over(&member, now, is_refused);
        if must_watch {
            board.watch(member);
        }
        if let Err(error) = state.welcome() {
            state.counts.refused(error);
            drop(state); // before `visit`, which locks it again
            return Err(error);
        }
        let (place, due) = state.hold(visit, bytes, now);
        drop(state);
        board.news.tell(&board, due);
        board.dispatch();
        Ok(place)
    }

    /// Takes note of how the workload is to be served from now on; `mode` stays as it is if none is given.
    pub(crate) fn set_serving(self: &Arc<Board>, serving: &Serving, mode: Option<Mode>) {
        let mut state = self.state.lock();
        state.roster.set_serving(serving, mode);
        state.timeouts = Timeouts::from(serving);
        state.ignore_paths.clone_from(&serving.ignore_paths);
        state.upgrades.clone_from(&serving.upgrades);
        drop(state);
        self.dispatch();
    }

    /// Takes note of a pod of this process that is new or changed.
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

    /// Takes note of a pod elsewhere that is new or changed.
    pub(crate) fn set_remote_pod(self: &Arc<Board>, pod: &Pod, network: &Network) {
        self.state.lock().roster.set_remote(pod, network);
        self.dispatch();
        self.end_hopeless();
    }

    /// Whether one of its pods elsewhere is such.
    pub(crate) fn has_remote(&self, is: impl Fn(&PodId) -> bool) -> bool {
        self.state.lock().roster.has_remote(is)
    }

    /// Forgets pods elsewhere that `keep` does not want.
    pub(crate) fn retain_remote(&self, keep: impl Fn(&PodId) -> bool) {
        self.state.lock().roster.retain_remote(keep);
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
    pub(crate) fn dispatch(self: &Arc<Board>) {
        loop {
            let now = self.clock.now();
            let mut state = self.state.lock();
            if state.queue.is_empty() {
                return;
            }
            let Some(seat) = state.seat(self, now) else { return };
            let wake = state.asleep_since.take().map(|held_at| Wake {
                workload: self.id.clone(),
                held_at,
                released_at: now,
                requests: state.queue.len(),
                first_byte: Arc::default(),
            });
            let waiter = state.queue.pop();
            if waiter.is_some() {
                state.ledger.release(now);
            }
            if let Some(wake) = &wake {
                state.first_byte = Some(Arc::clone(&wake.first_byte));
                self.awaits_first_byte.store(true, Ordering::Relaxed);
            }
            drop(state);
            // Should it have left at this very moment, the slot comes back and the next one gets it.
            drop(waiter.map(|waiter| waiter.sender.send(Ok(seat))));
            if let Some(wake) = wake {
                self.news.woke(wake);
            }
        }
    }

    /// An answer begins.
    #[inline]
    fn answers(&self) {
        // Relaxed: what is to be told is behind the lock.
        if self.awaits_first_byte.load(Ordering::Relaxed) {
            self.answers_first();
        }
    }

    #[cold]
    fn answers_first(&self) {
        self.awaits_first_byte.store(false, Ordering::Relaxed);
        if let Some(first_byte) = self.state.lock().first_byte.take() {
            first_byte.get_or_init(|| self.clock.now());
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

    /// Looks for free slots again when the pod is no longer passed over: nothing else may tell. There is at most one
    /// such task for each pod; it ends within [`config::bounds::PASS_OVER`] of the last time the pod gave a request back.
    fn watch(self: &Arc<Board>, member: Arc<Member>) {
        let (board, clock) = (Arc::downgrade(self), self.clock);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep_until(clock.instant_of(member.passed_over_until())).await;
                let Some(board) = board.upgrade() else { return };
                let is_over = board.with(|_| member.is_over(clock.now()));
                board.dispatch();
                if is_over {
                    return;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
