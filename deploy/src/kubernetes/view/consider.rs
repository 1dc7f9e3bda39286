//! What follows for one workload from all that is seen of it.

use config::{PlatformEvent, Time, WorkloadId, bounds};

use super::{Stage, View};
use crate::kubernetes::failures;
use crate::kubernetes::health::{Health, Seen};

impl View {
    /// All pods have been listed: what there is not is lacking now.
    pub(super) fn are_complete(&mut self, now: Time) {
        if self.stage == Stage::Pods {
            self.stage = Stage::Complete;
            tracing::info!("{} workloads and {} pods are known", self.workloads.len(), self.pods.ids().count());
            let all: Vec<WorkloadId> = self.workloads.keys().cloned().collect();
            for id in all {
                self.consider(&id, now);
            }
            for id in self.shared.named() {
                self.look_at_name(&id);
            }
        }
    }

    /// Draws the consequences for the workload, and sets when to do so again. Nothing before all has been listed.
    pub(super) fn consider(&mut self, id: &WorkloadId, now: Time) {
        if self.stage != Stage::Complete {
            return;
        }
        let leaves = self.see_off(id, now);
        if !self.workloads.get(id).is_some_and(|known| known.is_announced) {
            return self.alarms.set(id, leaves);
        }
        let Some((_, replicas)) = self.shared.replicas(id) else { return };
        let again = self.tell_scale(id, now);
        if !self.workloads[id].is_labelled {
            return self.alarms.set(id, again); // its pods are not seen, and nothing is written on it
        }
        let health = self.look(id, replicas, now);
        self.tell_failure(id, &health);
        let marked = self.mark(id, health.ready, replicas, now);
        let created = self.see_to_creation(id, &health, replicas, now);
        let again = [leaves, again, health.again, marked, created].into_iter().flatten().min();
        self.alarms.set(id, again);
    }

    fn look(&self, id: &WorkloadId, replicas: u32, now: Time) -> Health {
        let known = &self.workloads[id];
        let start_timeout = known.told.as_ref().map_or_else(Default::default, |told| told.policy.progress_deadline);
        let (blocked, stuck) = (known.blocked.as_ref(), known.stuck.as_ref());
        Seen { replicas, blocked, stuck, start_timeout, now }.look(self.pods.of(id).map(|(_, pod)| pod))
    }

    /// Only another reason is news: its words change with each try.
    fn tell_failure(&mut self, id: &WorkloadId, health: &Health) {
        let Some(known) = self.workloads.get_mut(id) else { return };
        let word = |failure: &Option<config::Failure>| failure.as_ref().map(config::Failure::word);
        if word(&known.failure) != word(&health.failure) {
            known.failure.clone_from(&health.failure);
            self.out.push_back(PlatformEvent::Failure(id.clone(), health.failure.clone()));
        }
    }

    /// Sees to pods that are to be and are not: finds out why, and has their controller try again. When to look again.
    fn see_to_creation(&mut self, id: &WorkloadId, health: &Health, replicas: u32, now: Time) -> Option<Time> {
        let known = self.workloads.get_mut(id)?;
        let lacks = replicas > 0 && health.alive == 0;
        let by_events = known.tells_by_events();
        if !lacks {
            known.lacks_since = None;
            if by_events {
                known.blocked = None;
            }
            self.lacks_no_more(id);
            if health.alive >= replicas {
                return None;
            }
        }
        let known = self.workloads.get_mut(id)?;
        let ask = (lacks && by_events).then(|| *known.lacks_since.get_or_insert(now) + bounds::KUBE_LACKS);
        let away = known.blocked.as_ref().is_some_and(failures::is_webhook_away);
        let nudge = away.then(|| *known.nudged.get_or_insert(now) + bounds::KUBE_NUDGE);
        if !away {
            known.nudged = None;
        }
        if ask.is_some_and(|at| at <= now) {
            self.lacks(id);
        }
        if nudge.is_some_and(|at| at <= now) {
            self.nudge(id, now);
        }
        let nudge = nudge.map(|at| if at <= now { now + bounds::KUBE_NUDGE } else { at });
        ask.filter(|at| *at > now).into_iter().chain(nudge).min()
    }
}
