//! The engine, fed second by second, decides as the windows and the decision do on their own.

use autoscaler::StartAs;
use autoscaler::decide::{Observation, Reachability, State, decide};
use autoscaler::load::Load;
use config::{BurstCapacity, PodState, Policy};
use proptest::prelude::*;

use crate::world::{World, secs};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Random requests at a workload with pods from the start, besides one that is always open: so there is one
    /// decision out of turn, when the first report ends the sleep that the first tick saw.
    #[test]
    fn reports_in_and_pods_out_are_the_pure_decision(
        requests in prop::collection::vec((102.0f64..200.0, 0.01f64..30.0), 1..60),
        target in 1.0f64..5.0,
        initial in 1u32..6,
    ) {
        let policy = Policy { mode: config::Mode::Knative, target, total: target, burst_capacity: BurstCapacity::Unlimited, min_scale: 1, ..Policy::default() };
        let mut world = World::new(policy.clone(), StartAs::Zero, initial);
        let requests: Vec<_> = requests.into_iter().chain([(100.0, 1_000.0)]).collect();
        for &(from, stay) in &requests {
            world.request(from, from + stay);
        }
        let mut load = Load::new(&policy);
        let mut state = State::new(&policy, initial, secs(100.0));
        load.silence_is_zero_from(101);
        for second in 101..260_u64 {
            let overlap = |from: f64, to: f64| (to.min(second as f64) - from.max(second as f64 - 1.0)).max(0.0);
            let value: f64 = requests.iter().map(|&(from, stay)| overlap(from, from + stay)).sum();
            load.record(second, value);
            let offset = match second {
                101 => 0.005,
                _ if second % 2 == 0 => 0.05,
                _ => continue,
            };
            world.run(second as f64 + offset - 0.001);
            let ready = world.pods(PodState::Ready) as u32;
            world.run(second as f64 + offset);
            let observation = Observation {
                ready: Some(ready),
                load: Some(load.averages(second)),
                reachability: Reachability::Reachable,
                ..Observation::default()
            };
            let verdict = decide(&policy, &observation, &mut state, secs(second as f64 + offset));
            let explanation = world.explain();
            prop_assert_eq!(explanation.desired, verdict.ok().map(|verdict| verdict.outcome.desired), "at {}", second);
        }
    }
}
