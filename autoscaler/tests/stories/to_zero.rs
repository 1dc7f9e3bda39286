//! The way to zero: the activator first, evidence of it, the grace, nothing open, then no pods.

use std::time::Duration;

use autoscaler::StartAs;
use config::{BurstCapacity, PodState, Policy, Route};

use crate::world::World;

/// Short periods; one pod is enough to take the activator out of the path.
fn policy() -> Policy {
    Policy {
        stable_window: Duration::from_secs(6),
        panic_window: Duration::from_secs(1),
        grace_period: Duration::from_secs(4),
        burst_capacity: BurstCapacity::Of(10.0),
        ..Policy::default()
    }
}

fn state(world: &World) -> &'static str {
    world.explain().to_zero.state
}

#[test]
fn the_activator_goes_into_the_path_before_the_pods_go() {
    let mut world = World::asleep(policy());
    world.request(100.3, 101.0);
    world.run(180.0);
    let routes: Vec<Route> = world.routes.iter().map(|&(_, route)| route).collect();
    assert_eq!(routes, [Route::Activator, Route::Pods, Route::Activator]);
    let (turned, _) = world.routes[2];
    let (slept, pods, rule) = world.scales[1];
    assert_eq!((pods, rule), (0, "zero"));
    assert!(slept - turned >= 4.0, "the grace: {turned} to {slept}");
    assert!(slept - turned < 4.1, "and no longer");
    assert_eq!(state(&world), "zero");
}

#[test]
fn without_evidence_of_the_route_the_pods_stay() {
    let mut world = World::asleep(policy());
    world.request(100.3, 101.0);
    world.run(105.0);
    world.route_obeys = false;
    world.run(300.0);
    assert_eq!((state(&world), world.route, world.pods(PodState::Ready)), ("unproven", Some(Route::Activator), 1));

    let id = world.id().clone();
    world.engine.route_is_true(world.now, &id, Route::Activator);
    world.obey();
    assert_eq!(world.pods(PodState::Ready), 1, "evidence alone lowers nothing");
    world.run(302.1);
    assert_eq!(world.last_scale(), Some((0, "zero")), "the grace has long passed");
}

#[test]
fn evidence_of_another_route_is_none() {
    let mut world = World::asleep(policy());
    world.request(100.3, 101.0);
    world.run(105.0);
    world.route_obeys = false;
    world.run(200.0);
    let id = world.id().clone();
    world.engine.route_is_true(world.now, &id, Route::Pods);
    world.run(300.0);
    assert_eq!(state(&world), "unproven");
}

#[test]
fn nothing_goes_while_a_request_is_open() {
    // Requests a second: a long one counts only when it comes, and then the window is empty.
    let mut world = World::asleep(Policy { metric: config::Metric::Rps, ..policy() });
    world.request(100.3, 400.0);
    world.run(399.0);
    assert_eq!((state(&world), world.pods(PodState::Ready)), ("open", 1));
    assert_eq!(world.explain().load.idle_seconds, None);
    world.run(403.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
    assert_eq!(world.explain().load.idle_seconds, Some(2.0), "since the end of the second in which it ended");
}

#[test]
fn a_request_in_the_grace_keeps_the_pod_and_starts_the_way_anew() {
    let mut world = World::asleep(policy());
    world.request(100.3, 101.0);
    world.run(109.0);
    assert_eq!(state(&world), "grace");
    assert_eq!(world.watermark, Some(0), "the next request is to be heard of at once");
    world.request(110.5, 110.6);
    world.run(110.6);
    assert_eq!((state(&world), world.explain().desired), ("awake", Some(1)));
    world.run(115.0);
    assert_eq!(world.scales.len(), 1, "the pod was never let go");
    world.run(180.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
}

#[test]
fn retention_keeps_the_last_pod_longer_than_the_grace() {
    let mut world = World::asleep(Policy { retention: Duration::from_secs(20), ..policy() });
    world.request(100.3, 101.0);
    world.run(180.0);
    let (turned, _) = world.routes[2];
    let (slept, _, _) = world.scales[1];
    assert!((20.0..20.1).contains(&(slept - turned)), "{}", slept - turned);
}

#[test]
fn an_activator_that_was_always_in_the_path_needs_no_more_grace() {
    let mut world = World::asleep(Policy { burst_capacity: BurstCapacity::Of(211.0), ..policy() });
    world.request(100.3, 101.0);
    world.run(180.0);
    assert_eq!(world.routes.len(), 1);
    let (slept, _, _) = world.scales[1];
    assert!(slept < 101.0 + 6.0 + 2.0 + 3.0, "asleep at {slept}");
}

#[test]
fn one_pod_stays_when_zero_is_off() {
    let mut world = World::asleep(Policy { scale_to_zero: false, ..policy() });
    world.run(200.0);
    assert_eq!(world.scales, [(100.0, 1, "scale-to-zero-disabled")]);
}

#[test]
fn it_lingers_with_one_pod_until_it_was_active_for_a_window() {
    let mut world = World::asleep(Policy { activation_scale: 3, max_scale_down_rate: 10.0, ..policy() });
    world.ready_after = Duration::from_secs(5);
    world.request(100.3, 100.9);
    world.run(180.0);
    let counts: Vec<_> = world.scales.iter().map(|&(_, pods, rule)| (pods, rule)).collect();
    assert_eq!(counts, [(3, "activation-scale"), (1, "lingering"), (0, "zero")]);
}

#[test]
fn pods_that_never_become_ready_are_given_up_after_the_progress_deadline() {
    let mut world = World::asleep(Policy { progress_deadline: Duration::from_secs(60), ..policy() });
    world.ready_after = Duration::from_secs(100_000);
    world.request(100.3, 100.9);
    world.run(150.0);
    assert_eq!((state(&world), world.last_scale()), ("starting", Some((1, "stable-window"))));
    world.run(200.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
}

#[test]
fn at_zero_nothing_is_left_to_do() {
    let mut world = World::asleep(policy());
    world.request(100.3, 101.0);
    world.run(180.0);
    assert_eq!(world.engine.next_deadline(), None);
}

#[test]
fn a_workload_first_seen_with_a_pod_counts_as_active_now() {
    let mut world = World::new(policy(), StartAs::Zero, 1);
    world.run(106.0);
    assert!(world.scales.is_empty(), "not before a stable window");
    world.run(120.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
}
