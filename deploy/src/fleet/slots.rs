//! What pods of one workload there are, how many there should be, and which may go.

use std::cmp::Reverse;
use std::sync::Arc;

use config::Failure;
use config::manifest::Declared;

use super::group::{Member, Pause};

/// The slots of one workload.
pub(super) struct Slots {
    /// What new pods are.
    pub(super) declared: Arc<Declared>,
    /// How many pods were asked for.
    pub(super) desired: usize,
    /// Slots with a pod that was not told to leave, oldest first.
    pub(super) pods: Vec<Arc<Member>>,
    /// Slots without a pod.
    pub(super) pauses: Vec<Pause>,
    /// Why there can be no ready pod, as last told.
    pub(super) failure: Option<Failure>,
    /// Nothing is started any more.
    pub(super) closed: bool,
}

impl Slots {
    pub(super) fn new(declared: Declared) -> Slots {
        let declared = Arc::new(declared);
        Slots { declared, desired: 0, pods: Vec::new(), pauses: Vec::new(), failure: None, closed: false }
    }

    /// Takes note of what new pods are, and serves those that run accordingly. Says whether these are to be replaced.
    pub(super) fn edit(&mut self, declared: Declared) -> bool {
        let rolls = !runs_the_same(&declared, &self.declared);
        self.declared = Arc::new(declared);
        for member in &self.pods {
            let mut serving = self.declared.workload.serving.clone();
            // The pod was started with that probe, and goes with it.
            serving.readiness.clone_from(&member.declared.workload.serving.readiness);
            member.front.apply(&serving);
        }
        rolls
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.pods.len() + self.pauses.len()
    }

    /// How many there should be now: one more than was asked for while one runs something else than it should, so that
    /// it goes only when another is ready.
    pub(super) fn target(&self) -> usize {
        let rolls = self.desired > 0 && self.pods.iter().any(|member| self.is_outdated(member));
        self.desired + usize::from(rolls)
    }

    /// Takes out pods that run something else than they should and can be done without: those that are not ready, and
    /// as many as are ready beyond what was asked for.
    pub(super) fn take_outdated(&mut self) -> Vec<Arc<Member>> {
        let ready = self.pods.iter().filter(|member| member.is_ready()).count();
        let not_ready = self.pods.iter().filter(|member| self.is_outdated(member) && !member.is_ready()).count();
        let outdated = |at: &usize| self.is_outdated(&self.pods[*at]);
        let from = (0..self.pods.len()).filter(outdated).collect();
        self.take(not_ready + ready.saturating_sub(self.desired), from)
    }

    /// Takes out the `count` pods that are missed least: those that are not ready, then the idlest, and of equals the
    /// youngest.
    pub(super) fn take_surplus(&mut self, count: usize) -> Vec<Arc<Member>> {
        self.take(count, (0..self.pods.len()).collect())
    }

    fn take(&mut self, count: usize, mut from: Vec<usize>) -> Vec<Arc<Member>> {
        from.sort_by_cached_key(|&at| {
            let member = &self.pods[at];
            let (in_flight, waiting) = member.front.gate().inside();
            (member.is_ready(), in_flight + waiting, Reverse(at))
        });
        from.truncate(count);
        from.sort_unstable_by_key(|&at| Reverse(at));
        from.into_iter().map(|at| self.pods.remove(at)).collect()
    }

    fn is_outdated(&self, member: &Member) -> bool {
        !runs_the_same(&member.declared, &self.declared)
    }
}

/// Whether pods of both are alike: what differs between the two, if anything, can be changed while they run.
pub(crate) fn runs_the_same(one: &Declared, other: &Declared) -> bool {
    let (serving, others) = (&one.workload.serving, &other.workload.serving);
    one.template == other.template && serving.readiness == others.readiness && serving.protocol == others.protocol
}
