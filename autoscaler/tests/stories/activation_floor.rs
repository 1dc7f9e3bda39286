//! `rouse.dev/activation-floor`: zero, or activation-scale and more.

use config::{Departure, Policy, Without};

use crate::world::World;

fn counts(policy: Policy) -> Vec<u32> {
    let mut world = World::asleep(Policy { total: 10.0, target: 7.0, activation_scale: 3, ..policy });
    for _ in 0..40 {
        world.request(100.3, 130.0);
    }
    world.request(130.0, 260.0);
    world.run(600.0);
    let mut counts: Vec<u32> = world.scales.iter().map(|&(_, pods, _)| pods).collect();
    counts.dedup();
    counts
}

#[test]
fn the_way_to_zero_leads_through_no_scale_between() {
    let floor = counts(Policy { activation_floor: true, ..Policy::default() });
    assert_eq!(floor.last(), Some(&0));
    assert!(floor.iter().all(|&pods| pods == 0 || pods >= 3), "{floor:?}");
}

#[test]
fn without_it_the_way_leads_through_one_as_in_knative() {
    let without = Without::NOTHING.and(Departure::ActivationFloor);
    for policy in [Policy::default(), Policy { activation_floor: true, without, ..Policy::default() }] {
        let counts = counts(policy);
        assert!(counts.contains(&1), "{counts:?}");
    }
}

#[test]
fn where_one_pod_stays_for_good_the_floor_stays() {
    let policy = Policy { activation_floor: true, activation_scale: 3, scale_to_zero: false, ..Policy::default() };
    let mut world = World::asleep(policy);
    world.request(100.3, 101.0);
    world.run(600.0);
    assert_eq!(world.explain().asked, 3);
    let reasons = world.explain().decisions[0].decision.reasons.clone();
    assert!(reasons.iter().any(|reason| reason.rule == "activation-floor"), "{reasons:?}");
}
