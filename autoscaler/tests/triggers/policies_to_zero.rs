//! `behavior` holds down to zero, unless a setting says that KEDA's jump is wanted.

use autoscaler::triggers::object::Steps;
use config::keda::ToZero;
use serde_json::{Value, json};

use crate::world::{World, rules, value};

fn spec() -> Value {
    json!({
        "pollingInterval": 5,
        "cooldownPeriod": 60,
        "minReplicaCount": 0,
        "advanced": { "horizontalPodAutoscalerConfig": { "behavior": { "scaleDown": {
            "stabilizationWindowSeconds": 3600,
            "policies": [{ "type": "Pods", "value": 2, "periodSeconds": 60 }],
        } } } },
    })
}

#[test]
fn the_last_pods_go_as_fast_as_policies_allow() {
    let mut world = World::new(&spec(), 5);
    world.run(300.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, [(60.0, 3), (120.0, 1), (180.0, 0)]);
}

#[test]
fn activity_on_the_way_ends_it() {
    let mut world = World::new(&spec(), 5);
    world.run(100.0, |_| vec![value(0.0)]);
    world.run(400.0, |_| vec![value(15.0)]);
    assert_eq!(world.trace, [(60.0, 3)]);
}

#[test]
fn kedas_jump_is_a_setting() {
    let steps = Steps { to_zero: ToZero::AtOnce, ..Steps::default() };
    let mut world = World::with(rules(&spec(), steps), 5);
    world.run(300.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, [(60.0, 0)]);
}

#[test]
fn a_wake_after_zero_starts_anew() {
    let mut world = World::new(&json!({ "pollingInterval": 5, "cooldownPeriod": 10 }), 8);
    world.run(30.0, |_| vec![value(0.0)]);
    world.run(60.0, |_| vec![value(10.0)]);
    assert_eq!(world.trace, [(10.0, 0), (30.0, 1), (35.0, 2)], "the eight of before are forgotten");
}
