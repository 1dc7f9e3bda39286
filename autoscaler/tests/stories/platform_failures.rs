//! A platform that refuses is asked again.

use std::time::Duration;

use config::{Failure, Policy, Route};

use crate::world::World;

#[test]
fn a_scale_that_failed_is_asked_for_again() {
    let mut world = World::asleep(Policy::default());
    world.request(100.3, 200.0);
    world.run(100.3);
    let id = world.id().clone();
    world.engine.scale_failed(world.now, &id, 1);
    world.run(100.39);
    assert_eq!(world.scales.len(), 1);
    world.run(100.41);
    assert_eq!(world.scales.len(), 2);
    world.engine.scale_failed(world.now, &id, 1);
    world.run(100.59);
    assert_eq!(world.scales.len(), 2, "the pause doubles");
    world.run(110.0);
    assert_eq!(world.scales.len(), 3, "and no more once it worked");
}

#[test]
fn the_failure_of_a_wish_that_was_replaced_since_changes_nothing() {
    let mut world = World::asleep(Policy { activation_scale: 3, ..Policy::default() });
    world.request(100.3, 200.0);
    world.run(105.0);
    let id = world.id().clone();
    world.engine.scale_failed(world.now, &id, 1);
    world.run(110.0);
    assert_eq!(world.scales.iter().map(|&(_, pods, _)| pods).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_scale_to_zero_that_failed_is_asked_for_again() {
    let mut world = World::asleep(Policy { stable_window: Duration::from_secs(6), ..Policy::default() });
    world.request(100.3, 101.0);
    world.run(140.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
    let id = world.id().clone();
    world.engine.scale_failed(world.now, &id, 0);
    world.run(145.0);
    assert_eq!(world.scales.iter().map(|&(_, pods, _)| pods).collect::<Vec<_>>(), [1, 0, 0]);
}

#[test]
fn a_route_that_failed_is_asked_for_again() {
    let mut world = World::asleep(Policy::default());
    let id = world.id().clone();
    world.engine.route_failed(world.now, &id, Route::Activator);
    world.run(101.0);
    assert_eq!(world.routes, [(100.0, Route::Activator), (100.1, Route::Activator)]);
    assert_eq!(world.engine.next_deadline(), None);
}

#[test]
fn a_failure_of_the_app_is_told_until_it_is_over() {
    let mut world = World::asleep(Policy::default());
    let id = world.id().clone();
    let failure = Failure::CrashLoop { exits: 3, detail: "exit status 1".to_owned() };
    world.engine.failure(world.now, &id, Some(failure.clone()));
    assert_eq!(world.explain().failure, Some(failure));
    assert_eq!(world.engine.status().next().and_then(|status| status.failure), Some("crash-loop"));
    world.engine.failure(world.now, &id, None);
    assert_eq!(world.explain().failure, None);
}
