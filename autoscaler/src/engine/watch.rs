//! How well a workload is watched: who reports, since when, and which pods are on their way.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use config::link::Reporter;
use config::{Departure, Metric, PodId, Policy, Time, bounds};

use super::Reporters;
use crate::collect::Collector;
use crate::decide::{Fresh, TICK};
use crate::pods::Pods;
use crate::starts::Starts;

/// The shortest and the longest that a request waits for pods on their way before it is left out of the load. In between
/// it is the time that requests take: as many as come in that time are in flight when there are pods.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long what a reporter had is kept when its Link died. Its last report may have been that it has nothing any more: it
/// sends that again for [`bounds::LINK_KEPT_TIME`], less what may pass before the Link counts as dead, and a tick.
const KEPT: Duration = bounds::LINK_KEPT_TIME
    .saturating_sub(bounds::LINK_HEARTBEAT.saturating_mul(bounds::LINK_DEAD_AFTER))
    .saturating_sub(bounds::LINK_BACK_WITHIN)
    .saturating_sub(TICK);

/// What is known of one workload's reporters and starts.
#[derive(Debug)]
pub(super) struct Watch {
    reporters: Reporters,
    /// Pods whose Link lives.
    heard: HashSet<PodId>,
    /// Pods with a queue-proxy that are not among them and may carry load.
    unheard: u32,
    /// Reporters whose Link died while they had something of this workload.
    missing: HashMap<Reporter, Missing>,
    found: Option<Found>,
    /// When it was first seen.
    begun: Time,
    starts: Starts,
    /// Until then requests that waited for pods on their way are left to those that came.
    relieved_until: Time,
    /// How many waited at the last tick.
    waited: u64,
}

/// A reporter whose Link died.
#[derive(Clone, Copy, Debug)]
struct Missing {
    incarnation: u64,
    since: Time,
}

/// What there was when the workload was first seen.
#[derive(Clone, Copy, Debug)]
struct Found {
    pods: u32,
    at: Time,
}

impl Watch {
    /// First seen at `now`, with so many pods, of which these spoke before.
    pub(super) fn new(reporters: Reporters, heard: HashSet<PodId>, pods: u32, now: Time) -> Watch {
        Watch {
            reporters,
            heard,
            unheard: 0,
            missing: HashMap::new(),
            found: (pods > 0).then_some(Found { pods, at: now }),
            begun: now,
            starts: Starts::default(),
            relieved_until: Time::ZERO,
            waited: 0,
        }
    }

    /// Pods whose Link lives.
    pub(super) fn into_heard(self) -> HashSet<PodId> {
        self.heard
    }

    /// Whether reporters are linked.
    pub(super) fn is_linked(&self) -> bool {
        self.reporters == Reporters::Linked
    }

    /// The pod speaks.
    pub(super) fn hear_pod(&mut self, id: &PodId) -> bool {
        self.is_linked() && !self.heard.contains(id) && self.heard.insert(id.clone())
    }

    /// The pod's Link died, or the pod is gone.
    pub(super) fn lose_pod(&mut self, id: &PodId) -> bool {
        self.heard.remove(id)
    }

    /// The reporter is no longer missing; if it was, the incarnation that it was of.
    pub(super) fn is_back(&mut self, reporter: &Reporter) -> Option<u64> {
        self.missing.remove(reporter).map(|missing| missing.incarnation)
    }

    /// The Link died of a reporter of this incarnation that has something of this workload.
    pub(super) fn miss(&mut self, reporter: &Reporter, incarnation: u64, now: Time) {
        self.missing.insert(reporter.clone(), Missing { incarnation, since: now });
    }

    /// Reporters that have been missing for so long that what they had is to be forgotten. An activator is missed for a
    /// stable window even so; whether a pod is, is for [`Watch::recount`] to tell.
    pub(super) fn give_up(&mut self, policy: &Policy, now: Time) -> Vec<Reporter> {
        let lapses = |missing: &Missing, kept| now.since(missing.since) >= kept;
        let kept = KEPT.min(policy.stable_window);
        let lapsed = self.missing.iter().filter(|(_, missing)| lapses(missing, kept));
        let lapsed = lapsed.map(|(reporter, _)| reporter.clone()).collect();
        self.missing.retain(|reporter, missing| match reporter {
            Reporter::Activator(_) => !lapses(missing, policy.stable_window),
            Reporter::Pod(_) => !lapses(missing, kept),
        });
        lapsed
    }

    /// Pods whose Link lives.
    pub(super) fn linked(&self) -> u32 {
        self.heard.len() as u32
    }

    /// The pods, or who of them is heard, changed.
    pub(super) fn recount(&mut self, pods: &Pods, now: Time) {
        self.unheard = match self.reporters {
            Reporters::InProcess => 0,
            Reporters::Linked => pods.silent(now, |id| self.heard.contains(id)),
        };
    }

    /// Reporters of which nothing is known: pods with a queue-proxy that may carry load and never spoke or whose Link died,
    /// and activators that are missing.
    pub(super) fn silent(&self) -> u32 {
        let activators = self.missing.keys().filter(|reporter| matches!(reporter, Reporter::Activator(_)));
        self.unheard + activators.count() as u32
    }

    /// Whether all are heard that may have something of it. Who reported to another autoscaler before has a stable window to
    /// come: until then nobody knows who is missing.
    pub(super) fn is_whole(&self, policy: &Policy, now: Time) -> bool {
        let all_came = !self.is_linked() || now.since(self.begun) >= policy.stable_window;
        all_came && self.silent() == 0 && self.fresh(policy, now).is_none()
    }

    /// What must stay because it was found here and has not been watched for a stable window, or not by all.
    pub(super) fn fresh(&self, policy: &Policy, now: Time) -> Option<Fresh> {
        let found = self.found?;
        let rest = policy.stable_window.saturating_sub(now.since(found.at));
        let is_over = rest.is_zero() && self.silent() == 0;
        (!is_over).then_some(Fresh { pods: found.pods, rest: rest.as_secs_f64().ceil() as u32 })
    }

    /// What was found has been watched for long enough, if it has. While some are silent that has not begun: the window
    /// lacks what they count.
    pub(super) fn settle_in(&mut self, policy: &Policy, now: Time) {
        if self.found.is_none() {
            return;
        }
        if self.silent() > 0 {
            self.found = self.found.map(|found| Found { at: now, ..found });
        } else if self.fresh(policy, now).is_none() {
            self.found = None;
        }
    }

    /// A pod became ready that long after it was first seen. What has waited for it is its to work off.
    pub(super) fn started(&mut self, took: Duration, policy: &Policy, now: Time) {
        self.starts.became_ready(took);
        self.relieved_until = now + policy.panic_window.max(TICK);
    }

    /// At a tick so many wait. Those who waited for pods are theirs for as long as they get through them fast enough to
    /// be done in a stable window.
    pub(super) fn look_at_line(&mut self, waiting: u64, policy: &Policy, now: Time) {
        let rounds = (policy.stable_window.as_secs_f64() / TICK.as_secs_f64()).max(1.0);
        let is_worked_off = self.waited > 0 && (waiting as f64) <= self.waited as f64 * (1.0 - 1.0 / rounds);
        if now < self.relieved_until && is_worked_off {
            self.relieved_until = now + policy.panic_window.max(TICK);
        }
        self.waited = waiting;
    }

    /// How long pods take to become ready; none before the first did.
    pub(super) fn time_to_ready(&self) -> Option<Duration> {
        self.starts.measured()
    }

    /// Pods on their way.
    pub(super) fn coming(&self, pods: &Pods, now: Time) -> u32 {
        pods.coming(self.starts.allowance(), now)
    }

    /// `starting-counts`: how long requests wait for pods on their way before they are left out of the load; none while
    /// no pods are, or have just come.
    pub(super) fn patience(&self, policy: &Policy, pods: &Pods, collector: &Collector, now: Time) -> Option<Duration> {
        let takes = policy.takes(Departure::StartingCounts) && policy.metric == Metric::Concurrency;
        if !takes || (self.coming(pods, now) == 0 && now >= self.relieved_until) {
            return None;
        }
        Some(collector.request_duration().unwrap_or_default().clamp(PATIENCE.0, PATIENCE.1))
    }
}
