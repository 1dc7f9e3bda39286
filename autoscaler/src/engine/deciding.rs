//! One workload: what is observed of it, and what is decided by that.

use config::{BurstCapacity, Departure, Metric, Route, Time};

use super::action::Action;
use super::scaled::{Cause, Scaled};
use crate::decide::{Observation, Reachability, Verdict, decide, excess_burst_now, raise};

impl Scaled {
    /// Leaves requests out of the load that wait for pods on their way.
    pub(super) fn expect_pods(&mut self, now: Time) {
        let patience = self.watch.patience(&self.policy, &self.pods, &self.collector, now);
        self.collector.expect_pods(patience);
    }

    fn observe(&mut self, now: Time) -> Observation {
        self.expect_pods(now);
        let lined_up = self.collector.lined_up(now);
        let silent = self.watch.silent();
        // As in Knative nothing is decided without any data; unless it is by what holds then.
        let nothing = silent > 0 && self.collector.load().is_empty(now.second());
        let decides = !nothing || self.policy.takes(Departure::NoDataHolds);
        let measures_concurrency = self.policy.metric == Metric::Concurrency;
        Observation {
            ready: Some(self.pods.counts().ready),
            load: decides.then(|| self.collector.load_mut().averages(now.second())),
            reachability: Reachability::Reachable,
            in_flight: measures_concurrency.then(|| self.collector.in_flight_but(lined_up) as f64),
            asked: self.replicas.asked,
            coming: self.watch.coming(&self.pods, now),
            lined_up,
            silent,
            fresh: self.watch.fresh(&self.policy, now),
        }
    }

    pub(super) fn decide(&mut self, now: Time) {
        let observation = self.observe(now);
        if let Ok(verdict) = decide(&self.policy, &observation, &mut self.state, now) {
            self.take(verdict);
            self.look_for_room(now, &verdict);
        }
    }

    fn take(&mut self, verdict: Verdict) {
        self.desired = Some(verdict.outcome.desired);
        self.excess_burst = verdict.outcome.excess_burst;
        match &mut self.verdict {
            Some(last) => **last = verdict,
            none => *none = Some(Box::new(verdict)),
        }
    }

    /// Since when the burst capacity has sufficed with a margin: a quarter of the load, for that much it swings.
    fn look_for_room(&mut self, now: Time, verdict: &Verdict) {
        let margin = match self.policy.burst_capacity {
            BurstCapacity::Of(wanted) if wanted > 0.0 => (verdict.outcome.load.panic / 4.0).ceil().max(1.0) as i64,
            _ => 0,
        };
        if verdict.outcome.excess_burst < margin {
            self.path.roomy_since = None;
        } else {
            self.path.roomy_since.get_or_insert(now);
        }
    }

    /// Between ticks: raises what cannot wait for the next, and puts the activator into the path.
    pub(super) fn raise(&mut self, now: Time, out: &mut Vec<Action>) {
        if !self.policy.takes(Departure::BurstStep) || self.policy.metric != Metric::Concurrency {
            return;
        }
        let in_flight = self.collector.in_flight_but(0) as f64;
        let reached_directly = self.path.route() == Route::Pods;
        let is_at_most = self.policy.max_scale > 0 && self.replicas.asked >= self.policy.max_scale;
        if self.policy.paused || (is_at_most && !reached_directly) {
            return;
        }
        if in_flight <= f64::from(self.replicas.asked) * self.policy.target && !reached_directly {
            return;
        }
        let observation = self.observe(now);
        if let Some(verdict) = raise(&self.policy, &observation, &mut self.state, now) {
            self.take(verdict);
            self.settle(now, Cause::Event, out);
        } else if reached_directly
            && let Some(excess) = excess_burst_now(&self.policy, &observation).filter(|&excess| excess < 0)
        {
            self.excess_burst = excess;
            self.settle(now, Cause::Event, out);
        }
    }
}
