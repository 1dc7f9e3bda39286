//! What holds whatever comes.

use std::time::Duration;

use autoscaler::StartAs;
use config::{BurstCapacity, Metric, Policy, Route};
use proptest::prelude::*;

use crate::world::World;

fn policies() -> impl Strategy<Value = Policy> {
    let metric = prop_oneof![Just(Metric::Concurrency), Just(Metric::Rps)];
    let burst = prop_oneof![Just(-1.0), Just(0.0), Just(5.0), Just(211.0)];
    (metric, burst, 6u64..30, 1u64..20, 0u64..20, 1.0f64..20.0, 0u32..4, 0u32..6).prop_map(
        |(metric, burst, window, grace, retention, target, activation, max)| Policy {
            metric,
            burst_capacity: if burst < 0.0 { BurstCapacity::Unlimited } else { BurstCapacity::Of(burst) },
            stable_window: Duration::from_secs(window),
            panic_window: Duration::from_secs(window.div_ceil(10)),
            grace_period: Duration::from_secs(grace),
            retention: Duration::from_secs(retention),
            total: target,
            target,
            activation_scale: activation,
            max_scale: if max >= activation { max } else { 0 },
            ..Policy::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_request_has_pods_at_once_and_keeps_them_and_silence_ends_in_sleep(
        policy in policies(),
        mut requests in prop::collection::vec((100.5f64..400.0, 0.000_01f64..90.0), 1..12),
        ready_after in 1u64..20_000,
    ) {
        requests.sort_by(|a, b| a.0.total_cmp(&b.0));
        let max = policy.max_scale;
        let ready_after = Duration::from_millis(ready_after);
        let mut world = World::with_pods_ready_after(ready_after, policy, StartAs::Zero, 0);
        for &(from, stay) in &requests {
            world.request(from, from + stay);
        }
        for &(from, _) in &requests {
            world.run(from);
            prop_assert!(world.explain().asked > 0, "no pod asked for at {from}");
        }
        world.run(2_000.0);
        let explanation = world.explain();
        prop_assert_eq!((explanation.asked, explanation.to_zero.state), (0, "zero"));
        prop_assert_eq!(world.engine.next_deadline(), None);
        for &(at, pods, rule) in &world.scales {
            prop_assert!(max == 0 || pods <= max, "{pods} at {at} by {rule}");
            if pods > 0 {
                continue;
            }
            let open = requests.iter().find(|&&(from, stay)| from <= at && at < from + stay);
            prop_assert!(open.is_none(), "asleep at {at} while {open:?} was open");
            let turned = world.routes.iter().rev().find(|&&(turned, _)| turned <= at);
            prop_assert!(matches!(turned, Some((_, Route::Activator))), "asleep at {at} while clients reach pods");
        }
    }
}
