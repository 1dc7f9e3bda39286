//! The pods of one workload, and which of them can take a request now.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config::{Mode, PodId, PodState, Time};
use queue_proxy::{Front, Gate};

use crate::balance::{Balance, Picker};

/// All pods of one workload. Ready ones are kept apart, in the order in which they became ready.
#[derive(Debug)]
pub(crate) struct Roster {
    all: Vec<(Arc<Member>, PodState)>,
    ready: Vec<Candidate>,
    picker: Picker,
    /// Container-concurrency; 0 is no limit.
    slots: u32,
}

/// A pod as the activator knows it; requests keep it alive until their end, whatever becomes of the pod.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: PodId,
    pub(crate) front: Arc<Front>,
    /// Requests that this activator has there.
    in_flight: AtomicU32,
}

/// A ready pod.
#[derive(Debug)]
struct Candidate {
    member: Arc<Member>,
    /// Given nothing before this time, because a connection to it failed.
    passed_over_until: Time,
}

/// A slot of one pod. Dropped before anybody is told that it is free.
#[derive(Debug)]
pub(crate) struct Seat {
    // Fields drop in this order: the gate must have the slot back before the load says that there is one.
    slot: queue_proxy::Admission,
    load: Load,
}

/// One request in [`Member::in_flight`].
#[derive(Debug)]
struct Load(Arc<Member>);

impl Roster {
    pub(crate) fn new(slots: u32, mode: Mode, seed: u64) -> Roster {
        let picker = Picker::new(Balance::of(slots, mode), seed);
        Roster { all: Vec::new(), ready: Vec::new(), picker, slots }
    }

    pub(crate) fn set_slots(&mut self, slots: u32, mode: Mode) {
        self.slots = slots;
        self.picker.set_balance(Balance::of(slots, mode));
    }

    /// Takes note of a pod that is new or changed.
    pub(crate) fn set(&mut self, id: &PodId, front: &Arc<Front>, state: PodState) {
        let member = match self.all.iter_mut().find(|(member, _)| member.id == *id) {
            Some((member, known)) => {
                *known = state;
                Arc::clone(member)
            }
            None if state == PodState::Gone => return,
            None => {
                let (id, front) = (id.clone(), Arc::clone(front));
                let member = Arc::new(Member { id, front, in_flight: AtomicU32::new(0) });
                self.all.push((Arc::clone(&member), state));
                member
            }
        };
        let place = self.ready.iter().position(|candidate| candidate.member.id == *id);
        match (state, place) {
            (PodState::Ready, None) => self.ready.push(Candidate { member, passed_over_until: Time::ZERO }),
            (PodState::Ready, Some(_)) | (_, None) => {}
            (_, Some(place)) => drop(self.ready.remove(place)),
        }
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A slot of the pod that the next request goes to; none when no ready pod has one.
    pub(crate) fn seat(&mut self, now: Time) -> Option<Seat> {
        let Roster { ready, picker, slots, .. } = self;
        let load = |pod: usize| {
            let Candidate { member, passed_over_until } = &ready[pod];
            let in_flight = member.in_flight.load(Ordering::Relaxed); // only ever raised under the board's lock
            ((*slots == 0 || in_flight < *slots) && *passed_over_until <= now).then_some(in_flight)
        };
        let first = picker.pick(ready.len(), load)?;
        // The pod's gate has the last word: requests may have come there by another way.
        let others = (0..ready.len()).filter(|&pod| pod != first && load(pod).is_some());
        std::iter::once(first).chain(others).find_map(|pod| Seat::take(&ready[pod].member))
    }

    /// Gives the pod nothing for a random time in `range`. Says when that ends; none if the pod is not ready anyway, or is
    /// passed over already.
    pub(crate) fn pass_over(&mut self, id: &PodId, now: Time, range: Range<Duration>) -> Option<Time> {
        let candidate = self.ready.iter_mut().find(|candidate| candidate.member.id == *id)?;
        if candidate.passed_over_until > now {
            return None;
        }
        let nanos = self.picker.between(range.start.as_nanos() as u64, range.end.as_nanos() as u64);
        candidate.passed_over_until = now + Duration::from_nanos(nanos);
        Some(candidate.passed_over_until)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<Member>, PodState)> {
        self.all.iter().map(|(member, state)| (member, *state))
    }

    /// Forgets pods that are gone and in which nothing runs any more; `last` is called with each before.
    pub(crate) fn forget_gone(&mut self, mut last: impl FnMut(&Member)) {
        self.all.retain(|(member, state)| {
            let done = *state == PodState::Gone && member.gate().inside() == (0, 0);
            if done {
                last(member);
            }
            !done
        });
    }
}

impl Member {
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        self.front.gate()
    }
}

impl Seat {
    fn take(member: &Arc<Member>) -> Option<Seat> {
        let slot = member.gate().try_admit()?;
        member.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Seat { slot, load: Load(Arc::clone(member)) })
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.load.0
    }

    /// Gives the slot back of a request that the app cannot have seen: it did not arrive there.
    pub(crate) fn take_back(self) -> Arc<Member> {
        let Seat { slot, load } = self;
        slot.take_back();
        Arc::clone(&load.0)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Relaxed: the board's lock, taken next by whoever gave the seat back, orders it before the next pick.
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
