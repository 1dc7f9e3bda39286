//! What holds whatever sources say.

use std::time::Duration;

use autoscaler::triggers::Reading;
use autoscaler::triggers::hpa::{Hpa, Settings};
use autoscaler::triggers::object::RULES;
use config::Time;
use config::keda::{Amount, Behavior, ScalingPolicy, Select};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{World, value};

fn behaviors() -> impl Strategy<Value = Option<Behavior>> {
    let policy = (any::<bool>(), 1u32..150, 1u64..120).prop_map(|(pods, value, seconds)| ScalingPolicy {
        amount: if pods { Amount::Pods(value) } else { Amount::Percent(value) },
        period: Duration::from_secs(seconds),
    });
    let select = prop::sample::select(vec![Select::Max, Select::Min, Select::Disabled]);
    let rules = (prop::collection::vec(policy, 1..4), select, 0u64..600);
    prop::option::of((rules.clone(), rules).prop_map(|(up, down)| {
        let mut behavior = Behavior::default();
        for (rules, (policies, select, seconds)) in [(&mut behavior.up, up), (&mut behavior.down, down)] {
            (rules.policies, rules.select, rules.stabilization) = (policies, select, Duration::from_secs(seconds));
        }
        behavior
    }))
}

fn readings() -> impl Strategy<Value = Reading> {
    prop_oneof![
        4 => (0.0f64..200.0).prop_map(value),
        1 => any::<f64>().prop_map(value),
        1 => Just(Reading::NoData),
        1 => Just(Reading::failed("gone")),
    ]
}

proptest! {
    /// Steps stay within bounds and never go the wrong way.
    #[test]
    fn a_step_is_within_bounds_and_between_the_present_and_what_is_wanted(
        behavior in behaviors(), min in 1u32..5, more in 0u32..40, start in 1u32..60,
        proposals in prop::collection::vec((0u32..100, 1u64..60), 1..40),
    ) {
        let max = min + more;
        let settings = Settings { min, max, behavior: behavior.as_ref(), down_window: Duration::from_secs(300) };
        let (mut hpa, mut pods, mut now) = (Hpa::default(), start, Time::ZERO);
        for (proposed, seconds) in proposals {
            now = now + Duration::from_secs(seconds);
            hpa.saw(pods, behavior.as_ref(), now);
            let step = hpa.step(&settings, pods, proposed, now);
            prop_assert!((min..=max).contains(&step.pods));
            if (min..=max).contains(&pods) {
                let (low, high) = (pods.min(step.stabilized), pods.max(step.stabilized));
                prop_assert!((low..=high).contains(&step.pods) || step.pods == min, "{pods} → {step:?}");
            }
            hpa.asked(step.pods, now);
            pods = step.pods;
        }
    }

    /// More proposed is never fewer pods, all else equal.
    #[test]
    fn a_step_grows_with_what_is_proposed(
        behavior in behaviors(), history in prop::collection::vec((0u32..50, 1u64..60), 0..10),
        a in 0u32..80, b in 0u32..80,
    ) {
        let settings = Settings { min: 1, max: 50, behavior: behavior.as_ref(), down_window: Duration::from_secs(300) };
        let (mut hpa, mut pods, mut now) = (Hpa::default(), 5, Time::ZERO);
        for (proposed, seconds) in history {
            now = now + Duration::from_secs(seconds);
            hpa.saw(pods, behavior.as_ref(), now);
            pods = hpa.step(&settings, pods, proposed, now).pods;
            hpa.asked(pods, now);
        }
        now = now + Duration::from_secs(15);
        hpa.saw(pods, behavior.as_ref(), now);
        let of = |proposed| hpa.clone().step(&settings, pods, proposed, now).pods;
        prop_assert!(of(a.min(b)) <= of(a.max(b)));
    }

    /// Whatever two sources say: no more than the most, and nothing lowered while one of them is not known.
    #[test]
    fn an_object_is_within_bounds_and_lowers_nothing_for_want_of_data(
        behavior in behaviors(),
        min in 0u32..3,
        rounds in prop::collection::vec((readings(), readings()), 1..60),
    ) {
        let spec = json!({
            "pollingInterval": 10, "cooldownPeriod": 20, "minReplicaCount": min, "maxReplicaCount": 20,
            "triggers": [{ "type": "redis", "metadata": {} }, { "type": "kafka", "metadata": {} }],
        });
        let mut rules = crate::world::rules(&spec, autoscaler::triggers::object::Steps::default());
        rules.behavior = behavior;
        let mut world = World::with(rules, 5);
        for (one, other) in rounds {
            let before = world.pods();
            let unknown = [&one, &other].iter().any(|reading| !matches!(reading, Reading::Value { .. }));
            let next = world.object.next();
            world.run(next.as_secs_f64() + 1e-6, |_| vec![one.clone(), other.clone()]);
            let verdict = world.last.as_ref().expect("there was a round");
            prop_assert_eq!(verdict.reasons.last().map(|last| last.pods), Some(verdict.desired), "{:?}", verdict);
            prop_assert!(world.pods() <= 20);
            prop_assert!(!unknown || world.pods() >= before, "{before} → {}: {:?}", world.pods(), world.last);
            prop_assert!(world.reasons().iter().all(|rule| RULES.contains(rule)));
        }
    }
}
