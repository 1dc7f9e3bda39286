//! When the activator leaves the path, and what is said to whom when it comes back.

use autoscaler::StartAs;
use config::{BurstCapacity, Departure, Mode, Policy, Route, Without};

use crate::fleet::Fleet;
use crate::world::World;

/// Two pods that carry the burst capacity to the last request.
fn on_the_edge(policy: Policy) -> Policy {
    Policy { total: 100.0, target: 70.0, burst_capacity: BurstCapacity::Of(200.0), min_scale: 2, ..policy }
}

/// One request every ten seconds: how often the route turned.
fn turns(policy: Policy) -> usize {
    let mut world = World::new(on_the_edge(policy), StartAs::Zero, 2);
    for n in 0..20 {
        world.request(100.3 + 10.0 * f64::from(n), 101.3 + 10.0 * f64::from(n));
    }
    world.run(300.0);
    world.routes.len()
}

#[test]
fn one_request_does_not_put_the_activator_in_and_out() {
    assert_eq!(turns(Policy::default()), 1);
    let without = Without::NOTHING.and(Departure::RouteHysteresis);
    for flips in [Policy { without, ..Policy::default() }, Policy { mode: Mode::Knative, ..Policy::default() }] {
        assert!(turns(flips) > 20, "without the step it flips");
    }
}

#[test]
fn with_room_to_spare_it_leaves_after_a_panic_window_and_says_why_it_waits() {
    let policy = Policy { total: 100.0, target: 70.0, burst_capacity: BurstCapacity::Of(150.0), ..Policy::default() };
    let mut world = World::new(policy, StartAs::Zero, 2);
    world.request(100.3, 400.0);
    world.run(106.0);
    let reasons = world.explain().decisions[0].decision.reasons.clone();
    assert!(reasons.iter().any(|reason| reason.rule == "route-hysteresis"), "{reasons:?}");
    world.run(112.0);
    assert_eq!(world.route, Some(Route::Pods));
}

#[test]
fn a_burst_puts_the_activator_into_the_path_with_the_report_that_tells_of_it() {
    let policy = Policy { total: 100.0, target: 70.0, burst_capacity: BurstCapacity::Of(150.0), ..Policy::default() };
    let mut fleet = Fleet::found(2, 2, policy);
    fleet.all_say_hello();
    fleet.run(20);
    assert_eq!(fleet.routes.last().map(|&(_, route)| route), Some(Route::Pods));
    let from = config::Time::from_secs_f64(fleet.now());
    fleet.report_from(0, from, 90);
    assert_eq!(fleet.routes.last(), Some(&(fleet.now(), Route::Activator)));
    assert_eq!(fleet.leaves.last(), Some(&fleet.now()), "and its pods turn their clients away");
}

#[test]
fn pods_are_told_at_each_tick_until_there_is_evidence() {
    let policy = Policy { total: 100.0, target: 70.0, burst_capacity: BurstCapacity::Of(150.0), ..Policy::default() };
    let mut fleet = Fleet::found(2, 2, policy);
    fleet.all_say_hello();
    fleet.run(20);
    let before = fleet.leaves.len();
    fleet.route_obeys = false;
    fleet.set_policy(|policy| policy.burst_capacity = BurstCapacity::Unlimited);
    fleet.run(10);
    assert_eq!(fleet.leaves.len() - before, 6, "once, and at five ticks: {:?}", fleet.leaves);
    fleet.route_is_true(Route::Activator);
    fleet.run(10);
    assert_eq!(fleet.leaves.len() - before, 6);
}

#[test]
fn pods_of_a_workload_that_was_found_are_told_too() {
    let mut fleet = Fleet::found(2, 2, Policy::default());
    assert_eq!(fleet.leaves, [100.0], "nobody knows where their clients are");
    fleet.run(10);
    assert_eq!(fleet.leaves.len(), 1, "the route was true at once");
}
