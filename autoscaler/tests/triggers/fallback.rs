//! A fallback takes effect as configured: after more failures than the threshold, of polls, and until there is a value.

use autoscaler::triggers::Reading;
use serde_json::{Value, json};

use crate::world::{World, value};

fn spec(fallback: &Value) -> Value {
    json!({ "pollingInterval": 30, "cooldownPeriod": 60, "fallback": fallback })
}

fn down() -> Vec<Reading> {
    vec![Reading::failed("timed out")]
}

#[test]
fn the_fourth_failed_poll_falls_back_although_steps_read_more_often() {
    let mut world = World::new(&spec(&json!({ "failureThreshold": 3, "replicas": 6 })), 2);
    world.run(600.0, |_| down());
    assert_eq!(world.trace, [(90.0, 4), (105.0, 6)], "polls at 0, 30, 60, 90; steps of ×2 or 4 pods each 15 s");
    assert!(world.last.as_ref().unwrap().fallback);
    assert!(world.reasons().contains(&"fallback"));
}

#[test]
fn it_leaves_zero() {
    let mut world = World::new(&spec(&json!({ "failureThreshold": 1, "replicas": 3 })), 0);
    world.run(100.0, |_| down());
    assert_eq!(world.trace, [(30.0, 1), (45.0, 3)]);
}

#[test]
fn a_value_ends_it_and_no_data_does_not() {
    let mut world = World::new(&spec(&json!({ "failureThreshold": 0, "replicas": 6 })), 6);
    world.run(1_000.0, |second| if second < 10.0 { down() } else { vec![Reading::NoData] });
    assert!(world.last.as_ref().unwrap().fallback);
    world.run(1_010.0, |_| vec![value(30.0)]);
    assert!(!world.last.as_ref().unwrap().fallback);
    world.run(1_100.0, |_| down());
    assert!(world.last.as_ref().unwrap().fallback);
    assert_eq!(world.trace, []);
}

#[test]
fn no_replicas_are_none_after_the_threshold_and_the_cooldown_and_not_before() {
    let mut world = World::new(&spec(&json!({ "failureThreshold": 9, "replicas": 0 })), 5);
    world.run(269.0, |_| down());
    assert_eq!(world.trace, []);
    world.run(600.0, |_| down());
    assert_eq!(world.trace, [(270.0, 0)]);
}

#[test]
fn current_replicas_hold_what_is_there() {
    let current = |behavior: &str| json!({ "failureThreshold": 0, "replicas": 6, "behavior": behavior });
    for (behavior, pods, then) in [
        ("currentReplicas", 3, 3),
        ("currentReplicasIfHigher", 3, 6),
        ("currentReplicasIfHigher", 9, 9),
        ("currentReplicasIfLower", 3, 3),
        ("currentReplicasIfLower", 9, 6),
    ] {
        let mut world = World::new(&spec(&current(behavior)), pods);
        world.run(1_000.0, |_| down());
        assert_eq!(world.pods(), then, "{behavior} of {pods}");
    }
}
