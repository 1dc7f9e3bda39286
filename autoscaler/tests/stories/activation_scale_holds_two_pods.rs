//! activation-scale 2: two pods at once, two as long as requests come, then none.

use config::{BurstCapacity, PodState, Policy, Route};

use crate::world::World;

/// As `knative-service.yaml` has it: target 10, activation-scale 2, target-burst-capacity 10.
fn policy() -> Policy {
    Policy {
        total: 10.0,
        target: 7.0,
        activation_scale: 2,
        burst_capacity: BurstCapacity::Of(10.0),
        ..Policy::default()
    }
}

#[test]
fn the_first_request_starts_two_pods_at_once() {
    let mut world = World::asleep(policy());
    world.request(100.3, 100.5);
    world.run(100.3);
    assert_eq!(world.scales, [(100.3, 2, "activation-scale")]);
}

#[test]
fn a_request_every_half_window_keeps_two_pods_and_silence_then_leaves_none() {
    let mut world = World::asleep(policy());
    // The shortest that any app answers in: it must not round to nothing.
    let arrivals: Vec<f64> = (0..7).map(|n| 100.3 + 30.0 * f64::from(n)).collect();
    for &at in &arrivals {
        world.request(at, at + 0.000_02);
    }
    let last = arrivals[arrivals.len() - 1];
    let mut ticks = 0;
    let mut at = 102.1;
    while at < last + 58.0 {
        world.run(at);
        let newest = &world.explain().decisions[0].decision;
        assert!(newest.desired >= 2, "at {at}: {newest:?}");
        assert_eq!(newest.reasons.iter().filter(|reason| reason.rule == "activation-scale").count(), 1);
        ticks += 1;
        at += 2.0;
    }
    assert!(ticks > 3 * 30, "three windows and more were looked at");
    assert_eq!(world.pods(PodState::Ready), 2);

    world.run(last + 200.0);
    let counts: Vec<u32> = world.scales.iter().map(|&(_, pods, _)| pods).collect();
    assert_eq!(counts, [2, 1, 0], "max-scale-down-rate halves: as in Knative the way leads through one");
    let (slept, _, rule) = world.scales[2];
    // The window is empty at last + 60, the next tick turns clients away, and the grace of 30 s begins.
    assert!((last + 90.0..last + 95.0).contains(&slept), "asleep {} s after the last request", slept - last);
    assert_eq!(rule, "zero");
}

#[test]
fn clients_reach_two_pods_directly_for_they_carry_the_burst() {
    let mut world = World::asleep(policy());
    world.request(100.3, 130.0);
    world.run(110.0);
    assert_eq!(world.route, Some(Route::Pods));
    assert_eq!(world.explain().excess_burst, 9);
}
