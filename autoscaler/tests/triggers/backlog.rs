//! What is left to do, too little to wake for: `rouse.dev/drain-backlog`.

use autoscaler::triggers::Reading;
use autoscaler::triggers::object::Steps;
use serde_json::json;

use crate::world::{World, rules, value};

/// Active above 5.
fn left(metric: f64) -> Reading {
    Reading::above(metric, 5.0)
}

fn world(spec: serde_json::Value, pods: u32) -> World {
    World::with(rules(&spec, Steps { drain_backlog: true, ..Steps::default() }), pods)
}

#[test]
fn without_it_the_last_items_are_slept_on() {
    let mut world = World::new(&json!({ "cooldownPeriod": 60 }), 1);
    world.run(1_000.0, |_| vec![left(3.0)]);
    assert_eq!(world.trace, [(60.0, 0)]);
}

#[test]
fn who_is_awake_stays_until_all_is_done_and_a_cooldown_longer() {
    let mut world = world(json!({ "cooldownPeriod": 60, "pollingInterval": 30 }), 1);
    world.run(600.0, |_| vec![left(5.0)]);
    assert_eq!(world.trace, []);
    assert!(world.reasons().contains(&"backlog"), "{:?}", world.reasons());
    // The last reading of something was at 600.
    world.run(2_000.0, |second| vec![left(if second <= 600.0 { 1.0 } else { 0.0 })]);
    assert_eq!(world.trace, [(660.0, 0)]);
}

#[test]
fn it_wakes_nobody() {
    let mut world = world(json!({}), 0);
    world.run(1_000.0, |_| vec![left(5.0)]);
    assert_eq!(world.trace, []);
    world.run(1_100.0, |_| vec![left(6.0)]);
    assert!(world.pods() > 0, "that is what the threshold is for");
}

#[test]
fn many_pods_become_as_few_as_there_is_to_do_and_no_fewer() {
    let mut world = world(json!({ "cooldownPeriod": 60 }), 10);
    world.run(10_000.0, |_| vec![left(4.0)]);
    assert_eq!(world.pods(), 1);
}

#[test]
fn one_trigger_of_several_is_enough() {
    let triggers = json!([{ "type": "redis", "metadata": {} }, { "type": "redis", "metadata": {} }]);
    let mut world = world(json!({ "cooldownPeriod": 60, "triggers": triggers }), 1);
    world.run(1_000.0, |_| vec![value(0.0), left(1.0)]);
    assert_eq!(world.trace, []);
}

#[test]
fn of_a_formula_its_outcome_counts() {
    let spec = json!({
        "cooldownPeriod": 60,
        "triggers": [{ "type": "redis", "name": "jobs", "metadata": {} }],
        "advanced": { "scalingModifiers": { "formula": "jobs - 2", "target": "5", "activationTarget": "5" } },
    });
    let mut world = world(spec, 1);
    world.run(1_000.0, |_| vec![left(3.0)]);
    assert_eq!(world.trace, [], "one is left");
    world.run(2_000.0, |_| vec![left(2.0)]);
    assert_eq!(world.pods(), 0);
}

#[test]
fn idle_pods_are_not_asleep_either() {
    let mut world = world(json!({ "cooldownPeriod": 60, "idleReplicaCount": 0, "minReplicaCount": 2 }), 2);
    world.run(1_000.0, |_| vec![left(1.0)]);
    assert_eq!(world.trace, []);
}
