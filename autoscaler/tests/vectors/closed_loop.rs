//! Windows, decisions and pods in a loop: whole trajectories.

use autoscaler::decide::{Observation, Reachability, State, decide};
use autoscaler::load::Load;
use config::{Policy, Time};
use serde::Deserialize;
use std::time::Duration;

use crate::decisions::Spec;
use crate::same;
use crate::windows::aggregation;

#[derive(Deserialize)]
pub(crate) struct Trajectory {
    spec: Spec,
    panic_window_s: u64,
    algorithm: String,
    initial_ready_pods: u32,
    pod_ready_after_s: u64,
    min_pods: u32,
    max_pods: u32,
    offered_load: Vec<Segment>,
    no_metrics_from_s: Option<u64>,
    no_metrics_to_s: Option<u64>,
    ticks: Vec<Tick>,
    expect_peak_ready: u32,
    expect_ready_pod_seconds: u64,
}

#[derive(Deserialize)]
struct Segment {
    from_s: u64,
    to_s: u64,
    value_at_from: f64,
    value_at_to: f64,
}

/// Second, concurrency, stable, panic, ready, desired, EBC, panicking, valid.
#[derive(Deserialize)]
struct Tick(u64, f64, f64, f64, u32, i64, i64, u8, u8);

impl Trajectory {
    fn policy(&self) -> Policy {
        Policy {
            panic_window: Duration::from_secs(self.panic_window_s),
            aggregation: aggregation(&self.algorithm),
            ..self.spec.policy()
        }
    }

    fn offered(&self, second: u64) -> f64 {
        let Some(segment) = self.offered_load.iter().find(|s| (s.from_s..s.to_s).contains(&second)) else {
            return 0.0;
        };
        let part = (second - segment.from_s) as f64 / (segment.to_s - segment.from_s) as f64;
        let value = segment.value_at_from + (segment.value_at_to - segment.value_at_from) * part;
        (value * 1000.0).round() / 1000.0
    }

    fn is_outage(&self, second: u64) -> bool {
        let from = self.no_metrics_from_s.unwrap_or(u64::MAX);
        (from..self.no_metrics_to_s.unwrap_or(u64::MAX)).contains(&second)
    }
}

/// Buckets and slots of 2 s are cut as in the vectors when the start is an even second.
const START: u64 = 1_000;

pub(crate) fn trajectory(vector: Trajectory) {
    let policy = vector.policy();
    let mut load = Load::new(&policy);
    let mut state = State::new(&policy, vector.initial_ready_pods, Time::from_secs_f64(START as f64));
    // Seconds at which pods become ready, oldest first.
    let mut pods: Vec<u64> = vec![0; vector.initial_ready_pods as usize];
    let (mut peak_ready, mut ready_seconds) = (0, 0);
    let mut ticks = vector.ticks.iter();
    for second in 0..240 {
        let bucket = START + second;
        let offered = vector.offered(second);
        let ready = pods.iter().filter(|&&at| at <= second).count() as u32;
        peak_ready = peak_ready.max(ready);
        ready_seconds += u64::from(ready);
        if ready > 0 && !vector.is_outage(second) {
            load.silence_is_zero_from(bucket);
        } else {
            load.silence_means_nothing_after(bucket - 1);
        }
        if offered > 0.0 && !vector.is_outage(second) {
            load.record(bucket, offered);
        }
        if second % 2 != 0 {
            continue;
        }
        let Some(Tick(at, concurrency, stable, panic, ticks_ready, desired, ebc, panicking, valid)) = ticks.next()
        else {
            panic!("no tick for second {second}")
        };
        assert_eq!((*at, *ticks_ready), (second, ready), "second {second}");
        assert!(same(offered, *concurrency), "second {second}: {offered} offered");
        let averages = load.averages(bucket);
        assert!(same(averages.stable, *stable), "second {second}: stable {} is not {stable}", averages.stable);
        assert!(same(averages.panic, *panic), "second {second}: panic {} is not {panic}", averages.panic);
        let no_data = vector.no_metrics_from_s.is_some() && load.is_empty(bucket);
        let observation = Observation {
            ready: Some(ready),
            load: (!no_data).then_some(averages),
            reachability: Reachability::Reachable,
            ..Observation::default()
        };
        let verdict = decide(&policy, &observation, &mut state, Time::from_secs_f64(bucket as f64)).ok();
        assert_eq!(u8::from(verdict.is_some()), *valid, "second {second}: valid");
        let ours =
            verdict.map_or((-1, 0), |verdict| (i64::from(verdict.outcome.desired), verdict.outcome.excess_burst));
        assert_eq!(ours.0, *desired, "second {second}: desired");
        assert!((ours.1 - ebc).abs() <= 1, "second {second}: excess burst {} is not {ebc}", ours.1);
        assert_eq!(u8::from(verdict.is_some_and(|verdict| verdict.outcome.panicking)), *panicking, "second {second}");
        if let Some(verdict) = verdict {
            let most = if vector.max_pods == 0 { u32::MAX } else { vector.max_pods };
            let wanted = verdict.outcome.desired.max(vector.min_pods).min(most) as usize;
            pods.resize(wanted, second + vector.pod_ready_after_s);
        }
    }
    assert_eq!(peak_ready, vector.expect_peak_ready);
    assert_eq!(ready_seconds, vector.expect_ready_pod_seconds);
}
