//! What becomes of workloads first seen: nothing is lowered before a stable window has passed.

use std::time::Duration;

use autoscaler::StartAs;
use config::{PodState, Policy};

use crate::world::World;

#[test]
fn at_zero_it_is_left_alone() {
    let mut world = World::new(Policy { initial_scale: 3, ..Policy::default() }, StartAs::Zero, 0);
    world.run(300.0);
    assert!(world.scales.is_empty());
}

#[test]
fn at_zero_it_gets_its_min_scale() {
    let world = World::new(Policy { min_scale: 2, initial_scale: 5, ..Policy::default() }, StartAs::Zero, 0);
    assert_eq!(world.scales, [(100.0, 2, "min-scale")]);
}

#[test]
fn as_active_it_gets_its_initial_scale_and_sleeps_once_idle() {
    let mut world = World::new(Policy { initial_scale: 3, ..Policy::default() }, StartAs::Active, 0);
    assert_eq!(world.scales, [(100.0, 3, "initial-scale")]);
    world.run(300.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
}

#[test]
fn as_active_its_initial_scale_stands_until_it_is_reached() {
    let policy = Policy { initial_scale: 3, ..Policy::default() };
    let mut world = World::with_pods_ready_after(Duration::from_secs(10_000), policy, StartAs::Active, 0);
    world.run(150.0);
    assert_eq!(world.scales.len(), 1);
}

#[test]
fn one_with_initial_scale_zero_sleeps_at_once() {
    let mut world = World::new(Policy { initial_scale: 0, ..Policy::default() }, StartAs::Active, 0);
    world.run(110.0);
    assert!(world.scales.is_empty());
    assert_eq!(world.engine.next_deadline(), None);
}

#[test]
fn pods_of_a_workload_first_seen_stay_for_a_stable_window() {
    let mut world = World::new(Policy::default(), StartAs::Zero, 5);
    world.request(100.3, 400.0);
    world.run(159.0);
    assert_eq!((world.scales.len(), world.pods(PodState::Ready)), (0, 5));
    world.run(200.0);
    assert_eq!(world.pods(PodState::Ready), 1);
}

#[test]
fn a_workload_that_is_gone_wants_nothing() {
    let mut world = World::new(Policy::default(), StartAs::Zero, 5);
    let id = world.id().clone();
    world.engine.workload_gone(world.now, &id);
    world.engine.advance(world.now + Duration::from_secs(1_000));
    assert!(world.engine.take_actions().is_empty());
    assert!(world.engine.explain(world.now, &id).is_none());
}
