//! The pods of one workload, and which of them can take a request now.

use std::sync::Arc;
use std::time::Duration;

use config::{Mode, Pod, PodId, PodState, Protocol, Serving, Time, bounds};
use queue_proxy::Front;
use queue_proxy::net::Network;

use crate::balance::{Balance, Burden, Picker};
use crate::member::{Member, Seat, Way};

/// All pods of one workload. Ready ones are kept apart, in the order in which they became ready.
#[derive(Debug)]
pub(crate) struct Roster {
    all: Vec<(Arc<Member>, PodState)>,
    ready: Vec<Arc<Member>>,
    picker: Picker,
    mode: Mode,
    /// Container-concurrency; 0 is no limit.
    slots: u32,
    /// What pods speak that become known from now on.
    protocol: Protocol,
}

impl Roster {
    pub(crate) fn new(serving: &Serving, mode: Mode, seed: u64) -> Roster {
        let slots = serving.container_concurrency;
        let picker = Picker::new(Balance::of(slots, mode), seed);
        Roster { all: Vec::new(), ready: Vec::new(), picker, mode, slots, protocol: serving.protocol }
    }

    /// Serves as told from now on; `mode` stays as it is if none is given.
    pub(crate) fn set_serving(&mut self, serving: &Serving, mode: Option<Mode>) {
        self.mode = mode.unwrap_or(self.mode);
        self.slots = serving.container_concurrency;
        self.protocol = serving.protocol;
        self.picker.set_balance(Balance::of(self.slots, self.mode));
        for (member, _) in &self.all {
            member.set_slots(self.slots);
        }
    }

    /// Takes note of a pod of this process that is new or changed. One that is gone is kept for its last reports.
    pub(crate) fn set(&mut self, id: &PodId, front: &Arc<Front>, state: PodState) {
        self.set_way(id, Way::Here(Arc::clone(front)), state);
    }

    /// Takes note of a pod elsewhere that is new or changed.
    pub(crate) fn set_remote(&mut self, pod: &Pod, network: &Network) {
        self.set_way(&pod.id, Way::remote(pod, network, self.protocol, self.slots), pod.state);
        if pod.state == PodState::Gone {
            self.forget(&pod.id);
        }
    }

    fn set_way(&mut self, id: &PodId, way: Way, state: PodState) {
        if self.find(id).is_some_and(|at| !self.all[at].0.is_reached_like(&way)) {
            self.forget(id);
        }
        let member = match self.find(id) {
            Some(at) => {
                self.all[at].1 = state;
                Arc::clone(&self.all[at].0)
            }
            None if state == PodState::Gone => return,
            None => {
                let member = Member::new(id.clone(), way);
                self.all.push((Arc::clone(&member), state));
                member
            }
        };
        if state == PodState::Draining {
            // It waits for that before it closes any itself, for it cannot know on which a request is coming.
            member.upstream().close_idle();
        }
        let place = self.ready.iter().position(|ready| Arc::ptr_eq(ready, &member));
        match (state, place) {
            (PodState::Ready, None) => self.ready.push(member),
            (PodState::Ready, Some(_)) | (_, None) => {}
            (_, Some(place)) => drop(self.ready.remove(place)),
        }
    }

    fn find(&self, id: &PodId) -> Option<usize> {
        self.all.iter().position(|(member, _)| member.id == *id)
    }

    fn forget(&mut self, id: &PodId) {
        self.all.retain(|(member, _)| member.id != *id);
        self.ready.retain(|member| member.id != *id);
    }

    /// Whether a pod elsewhere is such.
    pub(crate) fn has_remote(&self, is: impl Fn(&PodId) -> bool) -> bool {
        self.all.iter().any(|(member, _)| !member.is_here() && is(&member.id))
    }

    /// Forgets pods elsewhere that `keep` does not want.
    pub(crate) fn retain_remote(&mut self, keep: impl Fn(&PodId) -> bool) {
        self.all.retain(|(member, _)| member.is_here() || keep(&member.id));
        self.ready.retain(|member| member.is_here() || keep(&member.id));
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A slot of the pod that the next request goes to; none when no ready pod has one. One for a request that is not
    /// `is_counted` is in nobody's count.
    pub(crate) fn seat(&mut self, now: Time, is_counted: bool) -> Option<Seat> {
        let Roster { ready, picker, slots, mode, .. } = self;
        let free = |pod: usize| {
            let in_flight = ready[pod].in_flight();
            ((*slots == 0 || in_flight < *slots) && ready[pod].passed_over_until() <= now).then_some(in_flight)
        };
        let first = match mode {
            Mode::Knative => picker.pick(ready.len(), free),
            Mode::Default => {
                let burden = |pod: usize| Some(Burden { in_flight: free(pod)?, expected: ready[pod].expected(now) });
                picker.pick_by(ready.len(), burden, Burden::is_lighter)
            }
        }?;
        // The pod's gate has the last word: requests may have come there by another way.
        let others = (0..ready.len()).filter(|&pod| pod != first && free(pod).is_some());
        std::iter::once(first).chain(others).find_map(|pod| Seat::take(&ready[pod], is_counted))
    }

    /// Gives the pod nothing for a moment. True if a task has to look for the end of that; not if the pod is not ready
    /// anyway, or is passed over already.
    pub(crate) fn pass_over(&mut self, member: &Arc<Member>, now: Time, is_refused: bool) -> bool {
        if member.passed_over_until() > now || !self.ready.iter().any(|ready| Arc::ptr_eq(ready, member)) {
            return false;
        }
        let range = bounds::PASS_OVER;
        let nanos = self.picker.between(range.start.as_nanos() as u64, range.end.as_nanos() as u64);
        member.pass_over(now + Duration::from_nanos(nanos), is_refused)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<Member>, PodState)> {
        self.all.iter().map(|(member, state)| (member, *state))
    }

    /// Forgets pods that are gone and in which nothing runs any more; `last` is called with each before.
    pub(crate) fn forget_gone(&mut self, mut last: impl FnMut(&Member)) {
        self.all.retain(|(member, state)| {
            let done = *state == PodState::Gone && member.inside() == (0, 0);
            if done {
                last(member);
            }
            !done
        });
    }
}
