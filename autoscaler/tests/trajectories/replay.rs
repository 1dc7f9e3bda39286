//! A load curve, replayed second by second as Knative's vectors were recorded: what is offered in a second is recorded
//! in it; on every even second comes the tick; pods become ready some seconds later, and excess ones are gone at once,
//! youngest first. In between, the default mode may raise, as it may at any report.

use std::time::Duration;

use autoscaler::decide::{Fresh, Observation, Reachability, State, Verdict, decide, raise};
use autoscaler::load::Load;
use autoscaler::starts::Starts;
use config::{Departure, Policy, Time};

use crate::curve::{Curve, SECONDS};

/// Buckets and slots of 2 s are cut as in the vectors when the start is an even second.
const START: u64 = 1_000;

/// What a curve cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Ready pods, added up over the seconds.
    pub(crate) pod_seconds: u64,
    /// Seconds in which more was offered than the ready pods can carry.
    pub(crate) overloaded: u64,
    /// How often a fall followed a rise, or a rise a fall.
    pub(crate) reversals: u32,
    /// Each second's load and how many pods were wanted after it.
    pub(crate) wanted: Vec<(f64, u32)>,
}

impl Curve {
    /// Replays it with `policy`.
    pub(crate) fn replay(&self, policy: &Policy) -> Cost {
        let mut replay = Replay::new(self, policy);
        (0..SECONDS).for_each(|second| replay.second(second));
        replay.cost
    }
}

struct Replay<'a> {
    curve: &'a Curve,
    policy: &'a Policy,
    load: Load,
    state: State,
    starts: Starts,
    /// When each pod was asked for, oldest first.
    pods: Vec<u64>,
    /// What was offered when that was last known.
    heard: f64,
    rising: Option<bool>,
    cost: Cost,
}

impl<'a> Replay<'a> {
    fn new(curve: &'a Curve, policy: &'a Policy) -> Replay<'a> {
        Replay {
            curve,
            policy,
            load: Load::new(policy),
            state: State::new(policy, curve.initial_ready_pods, at(0)),
            starts: Starts::default(),
            pods: vec![0; curve.initial_ready_pods as usize],
            heard: 0.0,
            rising: None,
            cost: Cost::default(),
        }
    }

    /// How many pods are ready: those found at the start, and those that have had their time.
    fn ready(&self, second: u64) -> u32 {
        let found = self.curve.initial_ready_pods as usize;
        let is_ready = |&(index, &asked): &(usize, &u64)| {
            (index < found && asked == 0) || second >= asked + self.curve.pod_ready_after_s
        };
        self.pods.iter().enumerate().filter(is_ready).count() as u32
    }

    fn second(&mut self, second: u64) {
        let bucket = START + second;
        let offered = self.curve.offered(second);
        let ready = self.ready(second);
        self.cost.pod_seconds += u64::from(ready);
        self.cost.overloaded += u64::from(offered > f64::from(ready) * self.policy.total);
        if second > 0 && ready > self.ready(second - 1) {
            self.starts.became_ready(Duration::from_secs(self.curve.pod_ready_after_s));
        }
        let blind = self.curve.is_blind(second);
        if ready > 0 && !blind {
            self.load.silence_is_zero_from(bucket);
        } else {
            self.load.silence_means_nothing_after(bucket - 1);
        }
        if !blind {
            self.heard = offered;
            if offered > 0.0 {
                self.load.record(bucket, offered);
            }
        }
        let observation = self.observe(second, ready, blind);
        let verdict = if second.is_multiple_of(2) {
            decide(self.policy, &observation, &mut self.state, at(second)).ok()
        } else {
            raise(self.policy, &observation, &mut self.state, at(second))
        };
        self.obey(second, verdict);
        self.cost.wanted.push((offered, self.pods.len() as u32));
    }

    fn observe(&mut self, second: u64, ready: u32, blind: bool) -> Observation {
        let no_data = self.curve.no_metrics_from_s.is_some() && self.load.is_empty(START + second);
        let holds = self.policy.takes(Departure::NoDataHolds);
        let allowance = self.starts.allowance();
        let comes = |&&asked: &&u64| Duration::from_secs(second - asked) < allowance;
        let asked = self.pods.len() as u32;
        let rest = self.curve.spec.stable_window_s.saturating_sub(second) as u32;
        Observation {
            ready: Some(ready),
            load: (!no_data || holds).then(|| self.load.averages(START + second)),
            reachability: Reachability::Reachable,
            in_flight: Some(self.heard),
            asked,
            coming: self.pods[ready as usize..].iter().filter(comes).count() as u32,
            lined_up: 0,
            silent: u32::from(blind && ready > 0),
            fresh: (rest > 0).then_some(Fresh { pods: self.curve.initial_ready_pods, rest }),
        }
    }

    fn obey(&mut self, second: u64, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else { return };
        let most = if self.curve.max_pods == 0 { u32::MAX } else { self.curve.max_pods };
        let wanted = verdict.outcome.desired.max(self.curve.min_pods).min(most) as usize;
        if wanted != self.pods.len() {
            let rises = wanted > self.pods.len();
            self.cost.reversals += u32::from(self.rising.is_some_and(|rising| rising != rises));
            self.rising = Some(rises);
        }
        self.pods.resize(wanted, second);
    }
}

fn at(second: u64) -> Time {
    Time::from_secs_f64((START + second) as f64)
}
